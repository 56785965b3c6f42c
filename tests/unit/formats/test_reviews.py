"""Rows that were rejected or ignored while labelling are left out, and counted."""

import json

import pytest

from luthier.first_recipe import first_recipe
from luthier.formats.reviews import without_rejected
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows
from luthier.sources.labelled import read_labelled

N = 40
REVIEWS = [["accept", "accept", "reject", "ignore"][n % 4] for n in range(N)]
OVERLAPPING = [[0, 3, "PER"], [0, 2, "PER"]]


def write(path, **columns):
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    )
    return str(path)


def test_rejected_rows_are_left_out_of_what_is_learned_and_told(tmp_path):
    spans = [[[0, 3, "PER"]] if one == "accept" else OVERLAPPING for one in REVIEWS]
    texts = [f"Ada saw film {n}." for n in range(N)]
    source = write(tmp_path / "a.jsonl", text=texts, spans=spans, answer=REVIEWS)
    made = first_recipe(source, folder=tmp_path)
    told = "20 rows are left out: 10 were marked reject and 10 were marked ignore"
    assert any(told in note for note in made.notes)
    assert not made.unsure
    recipe = read_recipe({**made.tree, "data": {**made.tree["data"], "train": source}})
    rows, _, found = read_labelled(source, recipe, make_plugin("tasks", recipe.task))
    assert len(rows) == 20
    assert [(one.code, one.severity, one.count) for one in found] == [("rejected-rows", "note", 20)]


def test_a_review_may_be_what_is_learned(tmp_path):
    texts = [f"Ada saw film {n}." for n in range(N)]
    reviews = [one.replace("ignore", "accept") for one in REVIEWS]
    source = write(tmp_path / "a.jsonl", text=texts, label=["sad"] * N, answer=reviews)
    made = first_recipe(source, folder=tmp_path)
    assert made.tree["data"]["columns"] == {"text": "text", "label": "answer"}
    assert not any("left out" in note for note in made.notes)


@pytest.mark.parametrize(
    "answers", [["yes", "no"], ["accept", "refuse"], ["reject", "ignore"], ["accept", "accept"]]
)
def test_other_answers_are_no_reviews(answers):
    rows, found = without_rejected(Rows.of({"answer": answers}))
    assert (len(rows), found) == (2, [])
