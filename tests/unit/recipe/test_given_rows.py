"""Rows in memory are taken from a recipe in Python as beside it; studies say that they cannot."""

import pandas
import pytest
from datasets import Dataset

import luthier
from luthier.errors import DataError, RecipeError
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from tests.toys import toy_rows

COLUMNS = {name: list(cells) for name, cells in toy_rows("text-classification").columns.items()}
FRAME = pandas.DataFrame(COLUMNS)
KINDS = {
    "frame": FRAME,
    "dataset": Dataset.from_dict(COLUMNS),
    "records": FRAME.to_dict("records"),
    "columns": COLUMNS,
    "rows": toy_rows("text-classification"),
}


def tree(**data):
    return {"model": "m", "task": "text-classification", "data": data}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_stand_in_a_recipe(kind):
    recipe, rows = rows_apart(tree(train=KINDS[kind], split={"test": 0.3}))
    assert recipe["data"] == {"train": "memory:train", "split": {"test": 0.3}}
    assert rows["train"] is KINDS[kind]
    found = luthier.inspect(tree(train=KINDS[kind]))
    assert sum(len(one) for _, one in found.splits.items()) == len(FRAME)


@pytest.mark.parametrize("source", ["a.csv", ["a.csv", "b.csv"], None, 3, [], ("a.csv",)])
def test_sources_stay_where_they_are(source):
    recipe = tree(train="a.csv", test=source)
    assert rows_apart(recipe) == (recipe, {})


def test_a_recipe_that_is_no_mapping_holds_no_rows():
    recipe = read_recipe(tree(train="a.csv"))
    for given in ("recipe.yaml", recipe, 3, {"data": "a.csv"}):
        assert rows_apart(given, {"train": FRAME}) == (given, {"train": FRAME})


@pytest.mark.parametrize(
    ("given", "received"),
    [
        (FRAME, "DataFrame"),
        (3, "int"),
        ({"text": ["a"], "label": ["b"]}, "data['text']"),
        ({"tset": FRAME}, "data['tset']"),
    ],
)
def test_rows_are_given_by_split(given, received):
    with pytest.raises(RecipeError, match="by split") as caught:
        rows_apart(tree(train="a.csv"), given)
    assert received in caught.value.received
    assert '{"train": rows}' in caught.value.hint


def test_studies_say_that_they_read_files():
    for study in (luthier.ladder, luthier.seeds):
        with pytest.raises(RecipeError, match=r"data\.train holds rows in memory") as caught:
            study(tree(train=FRAME))
        assert "train.csv" in caught.value.hint


def test_one_object_for_two_splits_is_refused_in_a_recipe_too():
    with pytest.raises(DataError, match="same rows were given"):
        luthier.inspect(tree(train=FRAME, test=FRAME))
