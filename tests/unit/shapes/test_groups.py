"""Rows that belong together are found by the inputs that they share, or by where they come from."""

import pytest

from luthier.first_recipe import first_recipe
from luthier.records import Rows
from luthier.shapes.groups import group_column
from luthier.shapes.sheet import Guess, Sheet

N = 60
QUESTIONS = {"question": "question", "context": "passage", "answers": "answers"}
PAIR = {"text": "premise", "text_pair": "hypothesis", "label": "label"}
TEXT = {"text": "text", "label": "label"}


def column(roles, **columns):
    rows = Rows.of({name: [of(n) for n in range(N)] for name, of in columns.items()})
    found = group_column(Sheet(rows), Guess("any", roles))
    return found and found[0]


@pytest.mark.parametrize(
    ("roles", "columns", "expected"),
    [
        (QUESTIONS, {"question": str, "passage": lambda n: f"text {n // 3}"}, "passage"),
        (QUESTIONS, {"question": str, "passage": lambda n: f"text {n}"}, None),
        (PAIR, {"premise": lambda n: f"text {n // 3}", "hypothesis": str}, "premise"),
        (PAIR, {"premise": str, "hypothesis": lambda n: f"text {n // 3}"}, "hypothesis"),
        (TEXT, {"text": lambda n: f"text {n // 3}"}, None),
        (TEXT, {"text": str, "Author": lambda n: n // 4}, "Author"),
        (TEXT, {"text": str, "doc_id": lambda n: n // 4}, "doc_id"),
        (TEXT, {"text": str, "author": lambda n: "me"}, None),
        (TEXT, {"text": str, "author": lambda n: f"user {n % 3}"}, None),
        ({"text": "text", "label": "author"}, {"text": str, "author": lambda n: n // 4}, None),
    ],
)
def test_what_rows_share_is_found(roles, columns, expected):
    assert column(roles, **columns) == expected


def test_stock_phrases_are_no_groups():
    rows = Rows.of(
        {"premise": [*map(str, range(400))], "hypothesis": [f"{n % 12}" for n in range(400)]}
    )
    assert group_column(Sheet(rows), Guess("pair-classification", PAIR)) is None


def test_init_proposes_it_only_where_it_splits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"post number {n} of the day,{'ab'[n % 2]},user {n // 4}\n" for n in range(N)]
    (tmp_path / "train.csv").write_text("text,label,author\n" + "".join(lines))
    made = first_recipe("train.csv")
    assert made.tree["data"]["split"]["group_by"] == "author"
    assert any(reason.startswith("author: 60 of 60 rows share it") for reason in made.reasons)
    (tmp_path / "test.csv").write_text("text,label,author\nanother post,a,user 1\n")
    assert "group_by" not in first_recipe("train.csv").tree["data"]["split"]
