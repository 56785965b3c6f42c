"""CoNLL columns become sentences; hashtags stay tokens; ambiguous lines are refused by number."""

from __future__ import annotations

import pytest

from luthier.data.readers.conll import parse_conll
from luthier.data.readers.delimited import Table
from luthier.data.readers.read import read
from luthier.errors import DataError


def parse(text: str) -> Table:
    return parse_conll(text, name="a.conll")


def refused(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert caught.value.received
    return caught.value


@pytest.mark.parametrize("between", ["\t", " ", "   ", "\t\t"[:1]])
def test_a_sentence_is_a_row_of_lists(between):
    table = parse(f"Ada{between}B-PER\nis{between}O\n\n\nHi{between}O\n")
    assert table.columns == {"tokens": [["Ada", "is"], ["Hi"]], "tags": [["B-PER", "O"], ["O"]]}
    assert table.lines == [1, 5]
    assert table.notes == ()


def test_columns_between_are_numbered_and_documents_counted():
    table = parse("-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\n\n-DOCSTART- -X- O O\nNo DT O O\n")
    assert table.columns == {
        "tokens": [["EU"], ["No"]],
        "column_2": [["NNP"], ["DT"]],
        "column_3": [["B-NP"], ["O"]],
        "tags": [["B-ORG"], ["O"]],
        "document": [1, 2],
    }
    assert table.lines == [3, 6]


def test_sentences_before_the_first_mark_are_a_document_too():
    assert parse("a\tO\n\n-DOCSTART-\tO\n\nb\tO\n").columns["document"] == [1, 2]


def test_a_hashtag_is_a_token_and_a_comment_is_not():
    table = parse("# id = 7\n#begin\n#\tO\nsmallbiz\tO\n#NFL\tB-group\n# \tO\n# text = a\tb\n")
    assert table.columns["tokens"] == [["#", "smallbiz", "#NFL", "#"]]
    assert table.lines == [3]
    assert table.notes == ("3 comment lines skipped",)


def test_a_hashtag_is_told_from_a_comment_between_blanks_too():
    table = parse("# sent_id = 7\n# note\n#begin document (a); part 0\nGo O\n# O\n#NFL B-group\n")
    assert table.columns["tokens"] == [["Go", "#", "#NFL"]]
    assert table.notes == ("3 comment lines skipped",)


def test_where_words_are_numbered_every_hash_begins_a_comment():
    table = parse("#\thttp://a.b\t[2010]\t\n1\tGleich\tO\tO\n2\t#\tO\tO\n\n1\tJa\tO\tO\n")
    assert table.columns["column_2"] == [["Gleich", "#"], ["Ja"]]
    assert table.notes == ("1 comment lines skipped",)


def test_ranges_of_words_and_words_that_are_not_written_are_skipped():
    table = parse("# id = 1\n1-2\tdon\t_\n1\tdo\tADP\n2\tan\tDET\n2.1\tx\tX\n3\tcat\tNOUN\n")
    assert table.columns["column_2"] == [["do", "an", "cat"]]
    assert table.columns["tags"] == [["ADP", "DET", "NOUN"]]
    assert "2 lines without a word of their own skipped" in table.notes


def test_numbers_that_are_words_are_words():
    table = parse("1-2\tO\n\n3\tO\n#1\tO\n")
    assert table.columns["tokens"] == [["1-2"], ["3", "#1"]]


def test_a_comment_ends_no_sentence():
    assert parse("a\tO\n# here\nb\tO\n").columns["tokens"] == [["a", "b"]]


def test_tokens_alone_are_unlabelled():
    table = parse("Ada\n#NFL\n\nHi\n")
    assert table.columns == {"tokens": [["Ada", "#NFL"], ["Hi"]]}


def test_blanks_at_the_ends_of_lines_are_nothing():
    table = parse("a\tO\t\nb\tO  \n \t \n  \nc \tO\n")
    assert table.columns == {"tokens": [["a", "b"], ["c"]], "tags": [["O", "O"], ["O"]]}


def test_tokens_with_blanks_inside_and_empty_middle_cells_stay():
    table = parse("New York\t\tB-LOC\n10 000\tCD\tO\n")
    assert table.columns["tokens"] == [["New York", "10 000"]]
    assert table.columns["column_2"] == [["", "CD"]]


def test_no_sign_but_line_ends_cuts_lines():
    table = parse("a\x85b\tO\r\nc\u2028d\tO\r\n\r\ne\xa0f O\tO\r\n")
    assert table.columns["tokens"] == [["a\x85b", "c\u2028d"], ["e\xa0f O"]]
    assert parse("a\tO\rb\tO\r\rc\tO\r").columns["tokens"] == [["a", "b"], ["c"]]


def test_tokens_that_leave_no_ink_are_told():
    table = parse("a\tO\n\ufe0f\tO\n \tO\n\u200b\tB-x\n")
    assert table.columns["tokens"] == [["a", "\ufe0f", " ", "\u200b"]]
    assert table.notes == ("3 tokens are invisible (line 2, 3, 4)",)


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("a\tO\nb\nc\tO\n", "a.conll:2", "no tag"),
        ("a\tO\nb\t\nc\tO\n", "a.conll:2", "no tag"),
        ("a O\nb\nc\n", "a.conll:2", "no tag"),
        ("a\tO\nb\tO\tB-x\nc\tO\n", "a.conll:2", "3 columns, most have 2"),
        ("a\tN\tO\n\nb\tO\n\nc\tN\tO\n", "a.conll:3", "2 columns, most have 3"),
        ("a\tO\n\tO\n", "a.conll:2", "no token"),
        ("", "a.conll", "no tokens"),
        ("\n\n \t\n", "a.conll", "no tokens"),
        ("# a\n-DOCSTART- O\n\n", "a.conll", "no tokens"),
    ],
)
def test_lines_that_do_not_fit_are_named(text, place, word):
    error = refused(text)
    assert error.problem.startswith(place)
    assert word in error.problem


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("ending", [".conll", ".iob", ".iob2", ".bio", ".tags"])
def test_files_are_read_in_any_encoding(tmp_path, encoding, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes("Zoë\tB-PER\r\naß\tO\r\n\r\nnaïve\tO\r\n".encode(encoding))
    rows, notes = read(path)
    assert rows["tokens"] == [["Zoë", "aß"], ["naïve"]]
    assert rows.where(1) == f"{path}:4"
    assert bool(notes) == (encoding != "utf-8-sig")


@pytest.mark.parametrize("content", [b"\x00" * 64, b"\x1f\x8b\x08\x00", b"PK\x03\x04abc"])
def test_binary_files_are_refused(tmp_path, content):
    path = tmp_path / "a.conll"
    path.write_bytes(content)
    with pytest.raises(DataError):
        read(path)


def test_a_line_of_a_million_columns_is_refused_in_short():
    assert len(str(refused("a\tO\n" + "x\t" * 1_000_000 + "O\nb\tO\n"))) < 400
