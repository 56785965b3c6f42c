"""No name that others choose becomes a path out of its folder; `make torture` tries 2,000."""

import pytest

from tests.torture.paths import ENTRIES, is_outside, try_paths

pytestmark = pytest.mark.slow
N_PATHS = 500


@pytest.fixture(scope="module")
def told():
    return try_paths(ENTRIES, n_paths=N_PATHS)


@pytest.mark.parametrize("name", ENTRIES)
def test_no_path_leads_out(name, told):
    tried = told[name]
    assert tried.outside == 0
    assert tried.tried >= N_PATHS
    assert tried.refused > 0


def test_what_leads_out_is_seen(tmp_path):
    assert is_outside(tmp_path / ".." / "secret", tmp_path)
    assert not is_outside(tmp_path / "a" / ".." / "b", tmp_path)

    def careless(path, folder):
        return is_outside(folder / path.replace("\0", ""), folder)

    assert try_paths({"careless": careless}, n_paths=200)["careless"].outside > 20
