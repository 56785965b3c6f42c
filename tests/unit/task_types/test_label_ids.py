"""Label cells become names, names become ids, and weights are checked."""

import numpy as np
import pytest

from luthier.data.labels import label_name
from luthier.errors import DataError, RecipeError
from luthier.records import Rows
from luthier.task_types.label_ids import ids_of, sort_labels, weigh


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (True, "true"),
        (np.bool_(False), "false"),
        (" a b ", "a b"),
    ],
)
def test_a_label_has_one_name_whatever_file_it_came_from(cell, name):
    assert label_name(cell) == name


def test_numeric_labels_are_sorted_as_numbers():
    assert sort_labels(["10", "9", "-1", "9"]) == ("-1", "9", "10")


def test_an_unknown_label_is_named_with_its_place_and_the_nearest():
    rows = Rows.of({"label": ["positive", "postive"]}, name="f.csv")
    with pytest.raises(DataError) as caught:
        ids_of([["positive"], ["postive"]], ("negative", "positive"), rows)
    assert "f.csv:2" in caught.value.problem
    assert "positive" in caught.value.hint


def test_weights_are_balanced_given_or_absent():
    balanced = np.array([0.5, 2.0])
    assert weigh(None, ("a", "b"), balanced) is None
    assert weigh("balanced", ("a", "b"), balanced) == (0.5, 2.0)
    assert weigh({"b": 3}, ("a", "b"), balanced) == (1.0, 3.0)


@pytest.mark.parametrize("asked", [{"c": 1.0}, {"a": 0.0}, {"a": -1.0}])
def test_a_weight_must_be_positive_and_for_a_label(asked):
    with pytest.raises(RecipeError, match="class weight"):
        weigh(asked, ("a", "b"), np.ones(2))
