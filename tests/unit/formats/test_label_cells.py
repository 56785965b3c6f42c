"""Numbers, vectors and columns of zeros and ones become names of labels."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError, RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Plugin
from luthier.records import Rows

VECTORS = [[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]
NAMED = [["a", "d"], [], ["a", "b"]]


def normalized(task, columns, **options):
    made = make_plugin("tasks", Plugin(name=task, options=options))
    return made.normalize(Rows.of(columns, name="a.csv"))


def labels(cells, **options):
    rows, found = normalized("multi-label-classification", {"labels": cells}, **options)
    return rows["labels"], [one.code for one in found]


def label(cells, **options):
    rows, _ = normalized("text-classification", {"label": cells}, **options)
    return rows["label"]


@pytest.mark.parametrize(
    "write",
    [
        list,
        tuple,
        np.array,
        lambda vector: [float(bit) for bit in vector],
        lambda vector: [bool(bit) for bit in vector],
        str,
        lambda vector: str(np.array(vector)),
        lambda vector: str(np.array(vector, dtype=float)),
        lambda vector: repr(np.array(vector)),
        lambda vector: " ".join(map(str, vector)),
        lambda vector: ",".join(map(str, vector)),
        lambda vector: str([str(bit) for bit in vector]),
    ],
)
def test_the_places_of_vectors_are_labels(write):
    cells = [write(vector) for vector in VECTORS]
    assert labels(cells) == ([["0", "3"], [], ["0", "1"]], ["unnamed-labels"])
    assert labels(cells, label_names=["a", "b", "c", "d"]) == (NAMED, [])


def test_names_that_are_numbers_are_names_of_places():
    assert labels([[1, 0], [1, 1]], label_names=["1", "2"]) == ([["1"], ["1", "2"]], [])


def test_a_row_without_a_vector_has_no_labels_yet():
    assert labels([None, *VECTORS])[0][0] is None


@pytest.mark.parametrize(
    "cells",
    [[[0, 1], [0], [1]], [["0"], ["1"]], ["a", "b"], [[0, 2], [1, 5]], [[0, 1], [0, 1]], []],
)
def test_lists_of_numbers_are_no_vectors(cells):
    assert labels(cells) == (cells, [])


@pytest.mark.parametrize("bad", [[1, 0, 1], [1, 0, 2, 0], "sport", 1])
def test_a_row_with_something_else_than_a_vector_is_named(bad):
    with pytest.raises(DataError) as caught:
        labels([*VECTORS, bad])
    assert "a.csv:4" in caught.value.problem


def test_shares_are_refused():
    with pytest.raises(DataError, match="shares"):
        labels([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])


def test_as_many_names_as_places():
    with pytest.raises(DataError, match="4 places, but 3 labels"):
        labels(VECTORS, label_names=["a", "b", "c"])


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", True, "True"])
def test_columns_of_zeros_and_ones_are_labels(value):
    columns = {"body": ["x", "y", "z"], "sport": [value, 0, None], "art": [value, "0", None]}
    rows, _ = read(columns, columns={"text": "body", "labels": ["sport", "art"]})
    made = make_plugin("tasks", Plugin(name="multi-label-classification"))
    assert made.normalize(rows)[0]["labels"] == [["sport", "art"], [], None]


def test_a_column_of_anything_else_is_no_label():
    rows, _ = read({"a": [-1, 0.5], "b": [-1, 1]}, columns={"labels": ["a", "b"]})
    with pytest.raises(DataError, match="The label a at memory:2 is neither 0 nor 1"):
        make_plugin("tasks", Plugin(name="multi-label-classification")).normalize(rows)


def test_rows_that_nobody_judged_have_no_labels_yet():
    rows, _ = read({"a": [-1, 1, 0], "b": ["-1", 0, 0]}, columns={"labels": ["a", "b"]})
    made = make_plugin("tasks", Plugin(name="multi-label-classification"))
    assert made.normalize(rows)[0]["labels"] == [None, ["a"], []]


def test_only_lists_can_be_several_columns():
    recipe = {"model": "m", "task": "text-classification", "data": {"train": "a.csv"}}
    with pytest.raises(RecipeError, match="is one column, not 2"):
        read_recipe(recipe, ["data.columns.text=[a, b]"])
    recipe["task"] = "multi-label-classification"
    read = read_recipe(recipe, ["data.columns.labels=[a, b]"])
    assert read.data.columns["labels"] == ["a", "b"]


def test_choices_can_be_several_columns():
    rows, _ = read({"a": ["x"], "b": ["y"]}, columns={"choices": ["a", "b"]})
    made = make_plugin("tasks", Plugin(name="multiple-choice"))
    assert made.normalize(rows)[0]["choices"] == [["x", "y"]]


@pytest.mark.parametrize(
    "cells", [[0, 1, 1], ["0", "1", "1"], [0.0, 1.0, "1.0"], ["neg", 1, "pos"]]
)
def test_numbers_become_names(cells):
    assert label(cells, label_names=["neg", "pos"]) == ["neg", "pos", "pos"]


def test_numbers_of_pairs_lists_and_tags_become_names():
    names = {"label_names": ["no", "yes"]}
    rows, _ = normalized("pair-classification", {"label": [1, None]}, **names)
    assert rows["label"] == ["yes", None]
    assert labels([[1], "0", [0, 1]], **names)[0] == [["yes"], ["no"], ["no", "yes"]]
    tags = {"tokens": [["a", "b"], ["c", "d"]], "tags": [[0, 1], "1 0"]}
    rows, _ = normalized("token-classification", tags, label_names=["O", "B-PER"])
    assert rows["tags"] == [["O", "B-PER"], ["B-PER", "O"]]
    spans = {"text": ["Ann ran"], "spans": [[{"start": 0, "end": 3, "label": 1}]]}
    rows, _ = normalized("token-classification", spans, label_names=["LOC", "PER"])
    assert rows["tags"] == [["B-PER", "O"]]


@pytest.mark.parametrize("wrong", [2, -1, "2", "posi", 1.5])
def test_a_number_without_a_name_is_refused(wrong):
    with pytest.raises(DataError) as caught:
        label([0, wrong], label_names=["neg", "pos"])
    assert "a.csv:2" in caught.value.problem
    assert "0 to 1: neg, pos" in caught.value.received


def test_a_list_of_one_label_is_that_label():
    assert label([["a"], "['b']", ["c"]]) == ["a", "b", "c"]
    assert label([[0, 0, 1], [1, 0, 0]], label_names=["a", "b", "c"]) == ["c", "a"]
    with pytest.raises(DataError, match="2 labels; this task gives each row one"):
        label([["a"], ["b", "c"]])


def test_a_separator_can_be_named():
    assert labels(["a, b/c", "c", ""], separator="/") == ([["a, b", "c"], ["c"], []], [])


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("multi-label-classification", {"labels": ["['a', 'b"]}),
        ("token-classification", {"tokens": ["['a', 'b"], "tags": [["O"]]}),
        ("question-answering", {"context": ["a"], "question": ["b"], "answers": ["{'text': ['a"]}),
    ],
)
def test_lists_that_were_cut_off_are_refused(task, columns):
    with pytest.raises(DataError, match=r"a\.csv:1 begin like a list that cannot be read"):
        normalized(task, columns)
