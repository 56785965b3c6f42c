"""Label cells are read by one rule."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from luthier.data.labels import label_name, split_labels
from luthier.data.readers.read import read
from luthier.records import Rows
from luthier.task_types.label_ids import ids_of


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("", []),
        ("  ", []),
        (None, []),
        (float("nan"), []),
        ([], []),
        ("[]", []),
        ("joy", ["joy"]),
        ("a|b", ["a", "b"]),
        ("a; b;", ["a", "b"]),
        ("a, b,,a", ["a", "b"]),
        ("food, drink|service", ["food, drink", "service"]),
        ("a,b;c", ["a,b", "c"]),
        (["a", " b ", "", None, "a"], ["a", "b"]),
        ((1, 2.0, True), ["1", "2", "true"]),
        ({"b", "a"}, ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ("['a, b', 'c']", ["a, b", "c"]),
        ("[a, b]", ["a", "b"]),
        ("[1, 2]", ["1", "2"]),
        (3, ["3"]),
        (2.0, ["2"]),
        ("[unclosed", ["[unclosed"]),
        ("['a' 'b']", ["a", "b"]),
        ("array(['a', 'b'], dtype=object)", ["a", "b"]),
        ({"a": 1, "b": 0, "c": True, "d": "1.0"}, ["a", "c", "d"]),
        ("1.0|2", ["1", "2"]),
    ],
)
def test_cells_of_labels(cell, labels):
    assert split_labels(cell) == labels


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("1", [1, 1.0, "1", "1.0", " 1.00", np.int64(1), np.float32(1), Decimal("1.0")]),
        ("-2", [-2, -2.0, "-2.0"]),
        ("0", [0, 0.0, "0.0"]),
        ("true", [True, "True", "TRUE", "true", np.True_]),
        ("false", [False, "False", "FALSE"]),
        ("01", ["01"]),
        ("01.0", ["01.0"]),
        ("1.10", ["1.10"]),
        ("1.5", [1.5, "1.5"]),
        ("yes", ["yes"]),
    ],
)
def test_a_label_has_one_name(name, values):
    assert {label_name(value) for value in values} == {name}


@pytest.mark.parametrize("values", [["1", "0"], [1, 0], [1.0, 0.0], [True, False]])
def test_a_label_has_one_name_in_files_of_all_formats(tmp_path, values):
    frame = pd.DataFrame({"text": ["x", "y"], "label": values})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    names = [
        [label_name(value) for value in read(tmp_path / f"a.{ending}")[0]["label"]]
        for ending in ("csv", "jsonl", "parquet")
    ]
    assert names[0] == names[1] == names[2]


def test_runs_from_before_keep_their_names():
    assert ids_of([["true"], ["false"]], ["False", "True"], Rows.of({"x": [1, 2]})) == [[1], [0]]
