"""A fingerprint follows the content alone."""

from __future__ import annotations

import datetime

from luthier.data.fingerprint import fingerprint
from luthier.records import Rows

COLUMNS = {"text": ["a", "b"], "label": ["x", "y"]}


def test_it_does_not_depend_on_files_or_column_order():
    one = Rows.of(COLUMNS, name="here.csv")
    other = Rows.of(dict(reversed(COLUMNS.items())), name="there.csv")
    assert fingerprint(one) == fingerprint(other)
    assert len(fingerprint(one)) == 64


def test_it_changes_with_values_types_order_and_names():
    variants = [
        COLUMNS,
        {"text": ["b", "a"], "label": ["y", "x"]},
        {"text": ["a", "b"], "label": ["x", "z"]},
        {"text": ["a", "b"], "tag": ["x", "y"]},
        {"text": ["a", "b"], "label": [1, 2]},
        {"text": ["a", "b"], "label": ["1", "2"]},
        {"text": ["a", "b"], "label": [None, "2"]},
        {"text": ["ab", ""], "label": ["x", "y"]},
        {"text": [], "label": []},
        {},
    ]
    assert len({fingerprint(Rows.of(columns)) for columns in variants}) == len(variants)


def test_values_that_json_does_not_know_are_taken():
    odd = [datetime.date(2024, 1, 2), b"x", {"s"}, float("nan"), "\ud83d", 1 + 2j]
    assert fingerprint(Rows.of({"odd": odd})) == fingerprint(Rows.of({"odd": list(odd)}))
