"""Lines that begin with fastText's labels are rows of a text and its labels."""

import pytest

from luthier.data.readers.plain_text import parse_plain_text


@pytest.mark.parametrize(
    ("text", "texts", "labels"),
    [
        ("__label__a One.\n__label__b Two.\n", ["One.", "Two."], ["a", "b"]),
        ("__label__a __label__b-c 1\n\n__label__b\t2\n", ["1", "2"], [["a", "b-c"], ["b"]]),
        ("__label__a __label__ is what they write\n", ["__label__ is what they write"], ["a"]),
        ("__label__a\n", [""], ["a"]),
    ],
)
def test_labels_come_first(text, texts, labels):
    table = parse_plain_text(text, name="rows.txt")
    assert dict(table.columns) == {"text": texts, "label": labels}


@pytest.mark.parametrize("text", ["One.\n__label__a Two.\n", "A __label__b in it\n"])
def test_other_lines_are_plain_text(text):
    assert list(parse_plain_text(text, name="rows.txt").columns) == ["text"]
