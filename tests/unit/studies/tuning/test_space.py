"""Spaces: what can be searched, and a clear word for what cannot."""

import pytest

from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.registry import find, names
from luthier.studies.tuning.space import (
    Interval,
    default_space,
    read_space,
    value_at,
    with_values,
)
from tests.toys import toy_tree


@pytest.fixture
def recipe():
    return of("full")


def of(method, task="text-classification", **training):
    tree = {
        "model": "m",
        "task": task,
        "data": {"train": "rows.csv"},
        "method": method,
        "training": training,
    }
    return read_recipe(tree)


BAD = [
    ({"training.learning_rat": [1, 2]}, "did you mean training.learning_rate"),
    ({"training.learning_rate": 3}, "needs an interval or a list"),
    ({"training.learning_rate": None}, "needs an interval or a list"),
    ({"training.learning_rate": [1e-3]}, "two different values"),
    ({"training.learning_rate": [1e-3, 0.001]}, "two different values"),
    ({"training.learning_rate": []}, "two different values"),
    ({"training.learning_rate": {"low": 1e-3}}, "high: this field is required"),
    ({"training.learning_rate": {"low": 1e-3, "hihg": 1}}, "hihg: unknown field"),
    ({"training.learning_rate": {"low": 1e-3, "high": 1e-4}}, "low below high"),
    ({"training.weight_decay": {"low": 0, "high": 1, "log": True}}, "no logarithm"),
    ({"training.learning_rate": {"low": -1, "high": 1}}, "does not take -1"),
    ({"training.learning_rate": {"low": 0.1, "high": float("inf")}}, "learning_rate.high"),
    ({"training.weight_decay": {"low": 0.1, "high": 1, "log": True, "step": 0.1}}, "not both"),
    ({"training.num_train_epochs": ["three", 4]}, 'does not take "three"'),
    ({"training.per_device_train_batch_size": {"low": 8, "high": 64.5}}, "does not take 64.5"),
    ({"training.seed": [0, 1]}, "luthier seeds"),
    ({"training": [{}, {"seed": 1}]}, "a section"),
    ({"data.split.test": [0.1, 0.5]}, "same rows"),
    ({"evaluation.n_resamples": [100, 200]}, "scored alike"),
    ({"training.metric_for_best_model": ["accuracy", "macro_f1"]}, "one metric"),
    ({"method": ["full", "lora"]}, "luthier ladder"),
    ({"method.options.rank": [4, 8]}, "unknown field"),
    ({"regularisers.0.options.weight": [1, 2]}, "0 there"),
    ({"": [1, 2]}, "unknown field"),
    ({"..": [1, 2]}, "cannot be searched|unknown field"),
    ({7: [1, 2]}, "unknown field"),
    ({"training.optim.x": [1, 2]}, "is not a section"),
    ({}, "nothing to search"),
]


@pytest.mark.parametrize(("space", "says"), BAD)
def test_what_cannot_be_searched_is_told(space, says, recipe):
    with pytest.raises(RecipeError, match=says):
        read_space(space, recipe)


def test_all_problems_are_told_at_once_with_their_lines(recipe, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("training.seed: [0, 1]\ntraining.learning_rat: [1, 2]\n", encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        read_space(path, recipe)
    assert "2 problems" in refused.value.problem
    assert "space.yaml:1: training.seed" in refused.value.problem
    assert "space.yaml:2: training.learning_rat" in refused.value.problem


@pytest.mark.parametrize("content", ["", "- 1\n", "word", "a: [1\n", "a: !!python/object:x y"])
def test_files_that_are_no_mapping_are_refused(content, recipe, tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError):
        read_space(path, recipe)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_space(tmp_path, recipe)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_space(tmp_path / "none.yaml", recipe)
    path.write_bytes(b"\xff\xfe\xfa: [1]")
    with pytest.raises(RecipeError, match="UTF-8"):
        read_space(path, recipe)


def test_whole_numbers_and_others_are_told_apart_by_the_field(recipe):
    size, decay = read_space(
        {
            "training.per_device_train_batch_size": {"low": 8, "high": 64},
            "training.weight_decay": {"low": 0, "high": 1},
        },
        recipe,
    )
    assert size.is_whole
    assert not decay.is_whole


def test_lists_may_hold_what_the_recipe_takes(recipe):
    (setting,) = read_space({"regularisers": [[], ["r-drop"]]}, recipe)
    chosen = [with_values(recipe, {"regularisers": one}).regularisers for one in setting.values]
    assert [[one.name for one in found] for found in chosen] == [[], ["r-drop"]]


def test_the_recipe_lies_in_the_space_around_it(recipe):
    space = read_space(None, recipe)
    assert all(one.has(value_at(recipe, one.path)) for one in space)
    assert {one.path for one in space} >= {"training.learning_rate", "training.weight_decay"}
    fixed = {one.path for one in read_space(None, of("full", max_steps=9, warmup_steps=3))}
    assert not fixed & {"training.num_train_epochs", "training.warmup_steps"}


def test_an_option_of_a_method_stands_in_for_the_field_of_its_name():
    space = default_space(of("linear-probe"))
    assert "method.options.learning_rate" in space
    assert "training.learning_rate" not in space
    assert "training.weight_decay" in space


@pytest.mark.parametrize("method", names("methods"))
def test_every_method_has_a_space_that_its_recipe_takes(method, tmp_path):
    made = find("methods", method)
    options = {"teacher": str(tmp_path)} if method == "distillation" else {}
    tasks = ("text-classification", "causal-lm", "masked-lm")
    task = next(
        one
        for one in tasks
        if find("tasks", one).unit in made.units
        and find("tasks", one).kind in getattr(made, "kinds", {find("tasks", one).kind})
    )
    tree = toy_tree(task, tmp_path, method={"name": method, "options": options})
    if getattr(made, "reads_unlabelled", False):
        tree["data"]["unlabelled"] = "rows.csv"
    tree["data"]["train"] = "rows.csv"
    space = read_space(None, read_recipe(tree))
    for one in space:
        assert isinstance(one.values, Interval) or len(one.values) > 1
