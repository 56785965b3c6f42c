"""The fix that a finding of leaks names is a cure: with it, the finding is gone."""

import json
import random

import pytest

from luthier.load_splits import check_data
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from tests.toys import toy_tree

WORDS = [
    f"{one}{other}"
    for one in ("ha", "mor", "ti", "sel", "bru")
    for other in ("bour", "ket", "tion", "dle", "rat", "vex", "lo", "nim", "pas", "gor")
]


def context_of(n: int) -> str:
    return " ".join(random.Random(n).choices(WORDS, k=30))


def questions(n_contexts: int, *, first: int = 0) -> list[dict]:
    return [
        {"question": question, "context": context_of(n), "answers": [context_of(n).split()[3]]}
        for n in range(first, first + n_contexts)
        for question in ("Where does it live?", "Where is it at home?", "Where was it seen?")
    ]


def premises(n_premises: int) -> list[dict]:
    return [
        {"text": context_of(n), "text_pair": f"{words} {n}.", "label": words}
        for n in range(n_premises)
        for words in ("It does", "It does not", "Who knows")
    ]


def found(path, task, *overrides, **data):
    """Give the findings of near-copies across splits."""
    tree = toy_tree(task, "model", data={"train": str(path), **data})
    recipe = read_recipe(tree, overrides)
    checked = check_data(recipe, make_plugin("tasks", recipe.task))
    return {one.code: one for one in checked.findings if "across" in one.code}


def write(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("task", "rows", "fix"),
    [
        ("question-answering", questions(40), "data.split.group_by=context"),
        ("pair-classification", premises(40), "data.split.group_by=text"),
    ],
)
def test_rows_that_share_one_of_their_texts_are_kept_together(task, rows, fix, tmp_path):
    path = write(tmp_path / "rows.jsonl", rows)
    leak = found(path, task)["near-duplicate-across-splits"]
    assert leak.fix == fix
    assert found(path, task, *leak.fix.split()) == {}


def test_splits_with_files_of_their_own_are_split_anew(tmp_path):
    train = write(tmp_path / "train.jsonl", questions(40))
    shared = questions(20, first=30)[1:]
    test = write(tmp_path / "test.jsonl", [row | {"question": "Where is it?"} for row in shared])
    leak = found(train, "question-answering", test=str(test))["near-duplicate-across-splits"]
    assert leak.fix == "data.test=null data.split.group_by=context"
    assert found(train, "question-answering", *leak.fix.split()) == {}


def test_copies_are_dropped(tmp_path):
    rows = [{"text": context_of(n % 40), "label": "ab"[n % 2]} for n in range(80)]
    path = write(tmp_path / "rows.jsonl", rows)
    leak = found(path, "text-classification")["duplicate-across-splits"]
    assert leak.severity == "warning"
    told = found(path, "text-classification", *leak.fix.split())["duplicate-across-splits"]
    assert told.severity == "note"
    assert "They were dropped" in told.message
