"""All problems of a recipe at once, each with its path and the nearest name."""

from __future__ import annotations

import pytest

from luthier.errors import RecipeError
from luthier.recipe.checks import check, check_options, make_options
from luthier.recipe.load import read_recipe
from luthier.recipe.problems import Problem
from luthier.registry import find

SMALL = {"model": "m", "task": "text-classification", "data": {"train": "t.csv"}}


def complaint(tree: dict) -> str:
    with pytest.raises(RecipeError) as error:
        check(tree)
    return str(error.value)


def test_all_problems_are_told_together_in_the_order_of_the_file():
    tree = {
        "model": "m",
        "task": "text-clasification",
        "data": {"train": "t.csv", "colums": {}},
        "training": {"lerning_rate": 1, "seed": -1},
    }
    places = {"task": "r.yaml:2", "data.colums": "r.yaml:4", "training.seed": "r.yaml:7"}
    with pytest.raises(RecipeError) as error:
        check(tree, problems=[Problem("x", "is odd")], places=places)
    assert str(error.value).splitlines() == [
        "The recipe has 5 problems:",
        "  r.yaml:2: task: there is no task called 'text-clasification'; "
        "did you mean 'text-classification'?",
        "  r.yaml:4: data.colums: unknown field; did you mean data.columns?",
        "  r.yaml:7: training.seed: should be 0 or more, not -1",
        "  x: is odd",
        "  training.lerning_rate: unknown field; did you mean training.learning_rate?",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"learning_rate": 1},
            "learning_rate: unknown field; did you mean training.learning_rate?",
        ),
        (
            {"training": {"batch_size": 8}},
            "training.batch_size: unknown field; "
            "did you mean training.per_device_train_batch_size?",
        ),
        ({"training": {"epochs": 8}}, "did you mean training.num_train_epochs?"),
        ({"training": {"zzz": 8}}, "training.zzz: unknown field; fields here: learning_rate"),
        ({"training": {"learning_rate": "fast"}}, "learning_rate: should be a number, not 'fast'"),
        ({"training": {"learning_rate": 0}}, "learning_rate: should be above 0, not 0"),
        ({"training": {"max_steps": 1.5}}, "max_steps: should be a whole number"),
        (
            {"training": {"eval_strategy": "epcoh"}},
            "should be 'epoch', 'steps' or 'no', not 'epcoh'; did you mean 'epoch'?",
        ),
        ({"training": {"bf16": "perhaps"}}, "bf16: should be a boolean"),
        ({"training": {"bf16": "perhaps"}}, "(true or false) or 'auto', not 'perhaps'"),
        ({"training": {"fp16": "perhaps"}}, "(true or false), not 'perhaps'"),
        ({"training": 3}, "training: should be a mapping, {field: value}, not 3"),
        ({"model": 3}, "model: should be a name, or {name: …}, not 3"),
        ({"model": {"pooling": "mean"}}, "model.name: this field is required; model.name=…"),
        ({"task": None}, "task: this field is required; task: one of text-classification"),
        ({"data": None}, "data: this field is required"),
        ({"data": {"columns": {}}}, "data.train: this field is required; data.train=train.csv"),
        (
            {"data": {"train": "t", "columns": {"text": 1.5}}},
            "data.columns.text: should be text, not 1.5; write it in quotes: '1.5'",
        ),
        ({"data": {"train": "t", "split": {"test": "x"}}}, "split.test: should be a number"),
        ({"data": {"train": "t", "limit": {"trian": 5}}}, "did you mean 'train'?"),
        ({"baselines": "majority"}, "baselines: should be a list, [a, b], not 'majority'"),
        ({"baselines": ["majorty"]}, "baselines.0: there is no baseline called 'majorty'"),
        ({"method": "loora"}, "method: there is no method called 'loora'; did you mean 'lora'?"),
        (
            {"method": {"name": "lora", "options": {"rnak": 4}}},
            "method.options.rnak: unknown field; did you mean 'rank'?",
        ),
        (
            {"method": {"name": "lora", "options": {"rank": 0}}},
            "method.options.rank: should be 1 or more, not 0",
        ),
        (
            {"method": {"name": "full", "options": {"rank": 0}}},
            "method.options.rank: unknown field; there are no fields here",
        ),
        (
            {"data": {"train": "t", "columns": {"txt": "a"}}},
            "text-classification has no column role 'txt' (its roles: text, label, "
            "label_probabilities); did you mean data.columns.text?",
        ),
        ({"baselines": ["majority", "mean-value"]}, "baselines.1: 'mean-value' does not fit"),
    ],
)
def test_a_problem_is_told_in_words(change, words):
    assert words in complaint(SMALL | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"data": {"train": "t", "split": {"test": 0.5, "validation": 0.5}}},
            "no rows to train on",
        ),
        ({"data": {"train": "t", "split": {"test": -1}}}, "share below 1 or a number of rows"),
        ({"data": {"train": "t", "split": {"test": 1.5}}}, "share below 1 or a number of rows"),
        ({"data": {"train": "t", "split": {"test": 0}}}, "nothing can be evaluated"),
        ({"data": {"train": "t", "split": {"n_folds": 3, "fold": 3}}}, "below n_folds, 3"),
        ({"data": {"train": "t", "limit": {"train": 0}}}, "data.limit.train: should be 1 or more"),
        ({"training": {"eval_strategy": "steps"}}, "training.eval_steps=100"),
        ({"training": {"eval_strategy": "no", "early_stopping_patience": 1}}, "has no effect"),
        ({"training": {"bf16": True, "fp16": True}}, "bf16 and fp16 exclude each other"),
    ],
)
def test_fields_that_do_not_go_together_are_told(change, words):
    assert words in complaint(SMALL | change)


def test_a_method_that_cannot_learn_the_task_is_refused(monkeypatch):
    monkeypatch.setattr(find("methods", "lora"), "units", frozenset({"token"}))
    words = complaint(SMALL | {"method": "lora"})
    assert "'lora' cannot learn text-classification" in words
    assert "one of: full, linear-probe" in words


def test_a_method_is_for_answers_of_its_kinds(monkeypatch):
    monkeypatch.setattr(find("methods", "lora"), "kinds", frozenset({"number"}))
    words = complaint(SMALL | {"method": "lora"})
    assert "whose outputs are per sequence (single-label)" in words
    assert "one of: full, linear-probe" in words


def test_roles_may_be_left_out():
    assert check(SMALL).data.columns == {}


def test_each_task_takes_its_own_baselines():
    for task in ("text-classification", "pair-classification", "text-regression"):
        check(SMALL | {"task": task, "baselines": list(find("tasks", task).baselines)})


def test_options_are_checked_for_any_plug_in():
    (problem,) = check_options(find("methods", "lora"), {"alpha": "x"}, path="method.options")
    assert problem.line({}) == "method.options.alpha: should be a number, not 'x'"


def test_options_that_a_plug_in_does_not_have_are_told():
    plugin = find("methods", "lora")
    assert make_options(plugin, {"rank": 4}).rank == 4
    with pytest.raises(RecipeError, match=r"options of lora.*rank"):
        make_options(plugin, {"rank": "many"})


def test_true_and_false_are_named_as_the_recipe_calls_them():
    for given, fix in (
        ("data.header=false", "data.header=none"),
        ("data.header=true", "data.header=first"),
        ("training.eval_strategy=false", "training.eval_strategy=no"),
    ):
        source = {"model": "m", "task": "text-classification", "data": {"train": "t.csv"}}
        with pytest.raises(RecipeError, match=f"; {fix}$"):
            read_recipe(source, [given])
