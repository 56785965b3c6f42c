"""Class numbers of `datasets` become the names that it keeps for them, wherever they stand."""

from __future__ import annotations

import pytest
from datasets import ClassLabel, Dataset, Features, Sequence, Value

from luthier.data.readers.read import read
from luthier.errors import DataError

FEATURES = Features(
    {
        "text": Value("string"),
        "label": ClassLabel(names=["neg", "pos"]),
        "tags": Sequence(ClassLabel(names=["O", "B-PER"])),
        "spans": [{"type": ClassLabel(names=["a", "b"]), "start": Value("int32")}],
        "about": {"kind": ClassLabel(names=["u", "v"])},
        "parts": Sequence({"kind": ClassLabel(names=["m", "n"])}),
    }
)
ROWS = {
    "text": ["x", "y"],
    "label": [0, -1],
    "tags": [[0, 1], []],
    "spans": [[{"type": 1, "start": 3}], []],
    "about": [{"kind": 1}, {"kind": 0}],
    "parts": [{"kind": [0, 1]}, {"kind": []}],
}
NAMED = {
    "text": ["x", "y"],
    "label": ["neg", None],
    "tags": [["O", "B-PER"], []],
    "spans": [[{"type": "b", "start": 3}], []],
    "about": [{"kind": "v"}, {"kind": "u"}],
    "parts": [{"kind": ["m", "n"]}, {"kind": []}],
}


def dataset():
    return Dataset.from_dict(ROWS, features=FEATURES)


def test_of_an_object():
    rows, (note,) = read(dataset())
    assert rows.columns == NAMED
    assert "column label: class numbers replaced by class names" in note


def test_of_a_parquet_file(tmp_path):
    dataset().to_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[0].columns == NAMED


def test_of_a_folder_that_was_saved(tmp_path):
    dataset().save_to_disk(tmp_path / "saved")
    assert read(tmp_path / "saved")[0].columns == NAMED
    (arrow,) = (tmp_path / "saved").glob("*.arrow")
    assert read(arrow)[0].columns == NAMED


def test_of_an_arrow_table():
    assert read(dataset().data.table)[0].columns == NAMED


def test_a_number_without_a_name_is_refused(tmp_path):
    numbers = Dataset.from_dict({"text": ["x"], "label": [5]})
    table = numbers.data.table.replace_schema_metadata(dataset().data.table.schema.metadata)
    with pytest.raises(DataError, match="a class number without a name"):
        read(table)
