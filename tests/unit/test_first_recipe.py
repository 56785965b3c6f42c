"""The first recipe has what the user asked for, and the splits that lie beside the rows."""

import json

import pytest

from luthier.errors import DataError, RecipeError
from luthier.first_recipe import first_recipe
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Plugin
from luthier.sources.labelled import read_labelled

ROWS = [
    {"id": n, "text": f"I {'like' if n % 2 else 'hate'} film {n}", "label": "np"[n % 2]}
    for n in range(60)
]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_rows(name, rows=ROWS, drop=()):
        kept = [{key: row[key] for key in row if key not in drop} for row in rows]
        (tmp_path / name).write_text("".join(f"{json.dumps(row)}\n" for row in kept))

    return write_rows


def test_overrides_and_the_task_go_into_the_recipe(write, tmp_path):
    write("rows.jsonl")
    made = first_recipe(
        "rows.jsonl",
        ["training.seed=4", "method=lora", "data.split.test=0.3", "baselines=[majority]"],
        task="text-classification",
        folder=tmp_path / "recipes",
    )
    assert made.tree["training"]["seed"] == 4
    assert made.tree["method"] == "lora"
    assert made.tree["data"]["train"] == "../rows.jsonl"
    assert made.tree["data"]["split"] == {"validation": 0.1, "test": 0.3}
    assert made.tree["baselines"] == ["majority"]


def test_a_named_column_is_not_guessed(write):
    write("rows.jsonl", [row | {"other": "ab"[row["id"] % 2]} for row in ROWS])
    made = first_recipe("rows.jsonl", ["data.columns.label=other"])
    assert made.tree["data"]["columns"] == {"text": "text", "label": "other"}


def test_splits_beside_are_used_and_told(write):
    write("train.jsonl", ROWS[:40])
    write("test.jsonl", ROWS[40:])
    made = first_recipe("train.jsonl")
    assert made.tree["data"]["test"] == "test.jsonl"
    assert made.tree["data"]["split"] == {"validation": 0.1}
    assert any("test.jsonl: the test rows (data.test=null" in note for note in made.notes)
    alone = first_recipe("train.jsonl", ["data.test=null"])
    assert alone.tree["data"]["test"] is None
    assert alone.tree["data"]["split"] == {"validation": 0.1, "test": 0.2}


@pytest.mark.parametrize(
    ("rows", "drop", "why"),
    [
        (ROWS[40:], ["label"], "no column 'label'"),
        ([row | {"label": None} for row in ROWS[40:]], [], "has no answers"),
        ([row | {"label": -1} for row in ROWS[40:]], [], "has no answers"),
        ([row | {"label": "NONE"} for row in ROWS[40:]], [], "has no answers, only 'NONE'"),
    ],
)
def test_a_test_set_without_answers_is_not_used_and_told(write, rows, drop, why):
    write("train.jsonl", ROWS[:40])
    write("test.jsonl", rows, drop)
    made = first_recipe("train.jsonl")
    assert made.tree["data"]["test"] is None
    assert any("test.jsonl is not used" in note and why in note for note in made.notes)


def test_columns_of_zeros_and_ones_without_answers_are_told_too(write):
    rows = [{"text": f"text number {n} of all", "joy": n % 2, "fear": n % 3 % 2} for n in range(40)]
    write("train.jsonl", rows)
    write("test.jsonl", [row | {"joy": "NONE", "fear": "NONE"} for row in rows])
    made = first_recipe("train.jsonl")
    assert made.tree["data"]["test"] is None
    assert any("its column 'joy' has no answers, only 'NONE'" in note for note in made.notes)


def test_names_of_splits_are_told_and_not_learned(write):
    rows = [row | {"split": ("train", "Dev", "test")[n % 3]} for n, row in enumerate(ROWS)]
    write("rows.jsonl", rows)
    made = first_recipe("rows.jsonl")
    assert made.tree["data"]["columns"] == {"text": "text", "label": "label"}
    assert any("split: names the split of each row" in one for one in made.unsure)
    assert first_recipe("rows.jsonl", ["data.test=rows.jsonl"]).unsure == []
    assert first_recipe("rows.jsonl", ["data.columns.label=split"]).unsure == []


@pytest.mark.parametrize(
    ("overrides", "task", "error", "words"),
    [
        (["data.test=nix.jsonl"], None, DataError, "no file .*nix.jsonl"),
        (["data.columns.text=txt"], None, DataError, "no column called 'txt'"),
        (["trainig.seed=1"], None, RecipeError, "did you mean training"),
        (["seed"], None, RecipeError, "section.field=value"),
        (["data=3"], None, RecipeError, "data"),
        (["data.columns=text"], None, RecipeError, "data.columns"),
        (["task=3"], None, RecipeError, "task"),
        (["training=x", "baselines=majority"], None, RecipeError, "training"),
        ([], "text-clasification", RecipeError, "no task called"),
        ([], "summarization", DataError, "looks like the target of summarization"),
    ],
)
def test_what_is_wrong_is_what_is_reported(write, overrides, task, error, words):
    write("rows.jsonl")
    with pytest.raises(error, match=words):
        first_recipe("rows.jsonl", overrides, task=task)


@pytest.mark.parametrize(
    ("overrides", "task", "words"),
    [
        (["data.columns.label=label"], "text-regression", "is not a number"),
        (["data.columns={tokens: text, tags: label}"], None, "unequal numbers of words and tags"),
    ],
)
def test_what_a_run_would_refuse_is_told(write, overrides, task, words):
    write("rows.jsonl")
    made = first_recipe("rows.jsonl", overrides, task=task or "token-classification")
    assert "a run would refuse these rows" in made.unsure[-1]
    assert words in made.unsure[-1]


@pytest.mark.parametrize("mark", ["-", "?", "n/a", "#N/A"])
def test_labels_that_stand_for_none_are_a_doubt_with_a_fix(write, mark):
    rows = [{**row, "label": mark} if row["id"] % 6 == 0 else row for row in ROWS]
    write("rows.jsonl", rows)
    (doubt,) = first_recipe("rows.jsonl").unsure
    assert doubt.startswith(f"label: 10 rows with '{mark}', taken as a label")
    fix = doubt.split(", ")[-1].removesuffix(" leaves them out")
    made = first_recipe("rows.jsonl", [fix])
    assert not made.unsure
    task, recipe = make_plugin("tasks", Plugin(name=made.task)), read_recipe(made.tree)
    read, _, found = read_labelled("rows.jsonl", recipe, task)
    assert len(read) == 50
    assert [one.code for one in found] == ["without-answer"]


def test_plus_and_minus_are_labels(write):
    write("rows.jsonl", [{**row, "label": "+-"[row["id"] % 2]} for row in ROWS])
    assert not first_recipe("rows.jsonl").unsure


def test_a_missing_file_is_named(write):
    with pytest.raises(DataError, match=r"no file rows\.jsonl"):
        first_recipe("rows.jsonl")
