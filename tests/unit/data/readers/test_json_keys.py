"""A key that a JSON object has twice: one of its values would be lost."""

import pytest

from luthier.data.readers.json_files import parse_json, parse_json_lines
from luthier.errors import DataError


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_json_lines, '{"text": "a", "text": "b"}'),
        (parse_json, '[{"text": "a", "text": "b"}]'),
        (parse_json_lines, '{"a": {"b": 1, "b": 2}}'),
        (parse_json, '{"data": [{"a": 1, "a": 2}]}'),
    ],
)
def test_it_is_refused_by_name(text, parse):
    with pytest.raises(DataError, match="not valid JSON") as caught:
        parse(text, name="twice.jsonl")
    assert "twice" in caught.value.received
