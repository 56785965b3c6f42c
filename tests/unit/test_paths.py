"""Names that come from elsewhere stay one folder below the one they are for."""

import pytest

from luthier.errors import RunError
from luthier.paths import is_plain_name, leads_out, run_name


@pytest.mark.parametrize("name", ["reviews", "my run (2)", ".hidden", "Städte", "a.b.c", "run-2"])
def test_a_plain_name_is_kept(name):
    assert run_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "/etc/x", "a\\b", "C:x", "a\0b", "a\nb", " a", "a ", "a."),
        *("con", "NUL.txt", "com1", "a?", "a*", "x" * 201, "\ud800", "a\uff0fb", "..\uff0fx"),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    assert not is_plain_name(name)
    with pytest.raises(RunError, match="one folder below runs/") as caught:
        run_name(name)
    assert "--out" in caught.value.hint


def test_links_are_followed_before_it_is_said_whether_a_path_leads_out(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to("config.json")
    (folder / "loop").symlink_to("loop")
    assert leads_out(folder / "out", folder)
    assert not leads_out(folder / "in", folder)
    assert leads_out(folder / ".." / "secret", folder)
    assert leads_out(folder / "a\0b", folder)
