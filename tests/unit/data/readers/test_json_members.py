"""Which member of a JSON object has the rows."""

import json

import pytest

from luthier.data.readers.json_files import parse_json
from luthier.errors import DataError

SPANS = {"entities": [[0, 3, "PER"]]}


@pytest.mark.parametrize(
    ("members", "columns", "lines"),
    [
        (
            {"classes": ["PER"], "annotations": [["Ada.", SPANS], None, ["Bob.", SPANS]]},
            {"text": ["Ada.", "Bob."], "entities": [[[0, 3, "PER"]]] * 2},
            [1, 1],
        ),
        (
            {"classes": ["PER", "LOC"], "annotations": [["Ada.", SPANS]] * 2},
            {"text": ["Ada."] * 2, "entities": [[[0, 3, "PER"]]] * 2},
            [1, 1],
        ),
        ({"n": 2, "rows": [None, {"text": "Ada."}]}, {"text": ["Ada."]}, [1]),
        (
            {"text": ["Ada.", "Bob."], "answers": [{"text": []}, {"text": ["Bob"]}]},
            {"text": ["Ada.", "Bob."], "answers": [{"text": []}, {"text": ["Bob"]}]},
            [1, 2],
        ),
    ],
)
def test_rows_are_told_from_columns(members, columns, lines):
    read = parse_json(json.dumps(members), name="a.json")
    assert dict(read.columns) == columns
    assert list(read.lines) == lines


def test_nothing_but_null_is_refused():
    with pytest.raises(DataError, match="no rows") as caught:
        parse_json("[null, null]", name="a.json")
    assert caught.value.received == "nothing but null"
