"""A share of the files of strangers; `make torture ARGS=S10` reads all."""

import warnings

import pytest

from tests.torture import media

CASES = list(media.cases())


def test_cases_are_many():
    assert len(CASES) >= 200


@pytest.mark.parametrize("case", CASES[::5], ids=lambda one: " ".join(one[:3]))
def test_a_file_is_read_within_bounds_or_refused_in_words(case, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert media.fault(case, tmp_path) == ""


def test_no_path_leads_out_of_its_folder(tmp_path):
    assert [path for path, is_refused in media.places(tmp_path) if not is_refused] == []
