"""Seeded defects are named, clean files raise nothing, and planted leaks are found."""

import pytest

from tests.torture import leaks
from tests.torture.defects import clean, defects, fault


@pytest.fixture(scope="module")
def texts():
    return leaks.invented_texts(1200)


def names(made):
    return [one.name for one in made]


def test_defects_are_many_and_of_every_reader():
    made = defects()
    endings = {name.rsplit(".", 1)[-1] for one in made for name in one.files}
    wanted = "csv tsv json jsonl parquet conll ann en tmx xlf txt"
    assert set(wanted.split()) <= endings
    assert len(made) >= 80
    assert len(set(names(made))) == len(made)
    assert len(clean()) >= 10


@pytest.mark.parametrize("defect", defects(), ids=lambda one: one.name)
def test_a_defect_is_named_with_its_place_and_a_fix(defect, tmp_path):
    assert fault(defect, tmp_path / "files") == ""


@pytest.mark.parametrize("file", clean(), ids=lambda one: one.name)
def test_a_clean_file_raises_no_error(file, tmp_path):
    assert fault(file, tmp_path / "files") == ""


@pytest.mark.parametrize("change", leaks.CHANGES)
def test_a_leak_is_found(change, texts):
    made, codes, asked = leaks.CHANGES[change]
    assert leaks.recall(texts, made, codes, n=100) >= asked


def test_different_texts_are_no_leaks(texts):
    assert leaks.false_alarms(texts) <= 0.005
