"""brat's pairs of files become documents with spans; what does not fit is named by its line."""

from __future__ import annotations

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError

TEXT = "Ada Lovelace met\nBob in New York.\n"
MARKS = "T1\tPER 0 12\tAda Lovelace\nT2\tPER 17 20\tBob\n"


def write(folder, name="a", text: str | bytes = TEXT, marks: str | bytes | None = MARKS):
    for ending, content in (("txt", text), ("ann", marks)):
        if content is not None:
            content = content if isinstance(content, bytes) else content.encode()
            (folder / f"{name}.{ending}").write_bytes(content)
    return folder / f"{name}.ann"


def refused(source) -> DataError:
    with pytest.raises(DataError) as caught:
        read(source)
    assert caught.value.received
    assert caught.value.hint
    return caught.value


def test_a_document_is_a_row(tmp_path):
    path = write(tmp_path)
    rows, notes = read(path)
    assert dict(rows.columns) == {
        "text": [TEXT],
        "spans": [
            [{"start": 0, "end": 12, "label": "PER"}, {"start": 17, "end": 20, "label": "PER"}]
        ],
        "document": ["a"],
    }
    assert (rows.where(0), notes) == (f"{path}:1", [])


def test_a_folder_is_its_documents_in_order(tmp_path):
    write(tmp_path, "b", marks="")
    write(tmp_path, "a")
    write(tmp_path, "README", marks=None)
    (tmp_path / "annotation.conf").write_text("[entities]\nPER\n")
    rows, _ = read(tmp_path)
    assert rows["document"] == ["a", "b"]
    assert [len(spans) for spans in rows["spans"]] == [2, 0]


def test_what_is_said_of_spans_is_passed_over(tmp_path):
    more = (
        "R1\tKnows Arg1:T1 Arg2:T2\nE1\tMeet:T2 Who:T1\nA1\tSure E1\nM1\tNeg E1\n"
        "N1\tReference T1 Wiki:7259\tAda\n*\tEquiv T1 T2\n#1\tAnnotatorNotes T1\tyes\n\n"
    )
    assert len(read(write(tmp_path, marks=more + MARKS))[0]["spans"][0]) == 2


def test_spans_in_parts_go_from_first_to_last_and_are_told(tmp_path):
    path = write(
        tmp_path, marks="T1\tPER 0 3;4 12\tAda Lovelace\nT2\tPLACE 24 27;28 32\tNew York\n"
    )
    rows, notes = read(path)
    assert rows["spans"][0][1] == {"start": 24, "end": 32, "label": "PLACE"}
    assert notes == ["a.ann: 2 discontinuous spans were joined to one span each"]


def test_notes_of_many_documents_are_told_once(tmp_path):
    for number in range(9):
        write(tmp_path, f"d{number}", marks="T1\tPER 0 3;4 12\tAda Lovelace\n")
    assert read(tmp_path)[1] == [
        "d0.ann and 8 more: 9 discontinuous spans were joined to one span each"
    ]


def test_numbers_and_tabs_that_are_quoted_are_text(tmp_path):
    path = write(
        tmp_path, text="In 1999 2000\tpeople came.", marks="T1\tX 3 19\t1999 2000\tpeople\n"
    )
    assert read(path)[0]["spans"] == [[{"start": 3, "end": 19, "label": "X"}]]


def test_a_span_over_a_line_end_is_quoted_with_a_blank(tmp_path):
    rows, _ = read(write(tmp_path, marks="T1\tX 13 20\tmet Bob\n"))
    assert rows["text"][0][13:20] == "met\nBob"


def test_line_ends_of_windows_count_as_they_did_when_marking(tmp_path):
    windows = TEXT.replace("\n", "\r\n")
    rows, _ = read(write(tmp_path, text=windows, marks="T2\tPER 18 21\tBob\r\n"))
    assert rows["text"] == [windows]
    rows, _ = read(write(tmp_path, text=windows, marks="T2\tPER 17 20\tBob\r\n"))
    assert rows["text"] == [TEXT]
    error = refused(write(tmp_path, text=windows, marks=MARKS + "T3\tPER 0 3\tBob\n"))
    assert error.problem.startswith("a.ann:3:")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "cp1251"])
def test_any_encoding_is_read(tmp_path, encoding):
    text = "Зоя приехала в Москву вчера." if encoding == "cp1251" else "Zoë goes to a café."
    word = text.split()[0]
    marks = f"T1\tPER 0 3\t{word}\n"
    rows, notes = read(write(tmp_path, text=text.encode(encoding), marks=marks.encode(encoding)))
    assert rows["text"] == [text]
    assert notes == ([] if encoding == "utf-8-sig" else [f"a.ann: encoding {encoding}"])


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("T3\tPER 0 3\tBob", "'Ada'"),
        ("T3\tPER 0 99\tBob", "characters"),
        ("T3\tPER 3 3\t", "characters"),
        ("T3\tPER 5 2\tBob", "characters"),
        ("T3\tPER 0 3;4 99\tAda Lovelace", "characters"),
        ("T3\tPER 0\tAda", "first past"),
        ("T3\tPER -1 3\tAda", "first past"),
        ("T3\tPER\tAda", "first past"),
        ("T3 PER 0 3 Ada", "first past"),
        ("T3", "first past"),
        ("PER 0 3", "first past"),
        ("T3\tPER " + "9" * 6000 + " 3\tAda", "first past"),
        ("T3\tPER " + "0 1;" * 50_000 + "\tAda", "first past"),
        ("T3\tPER ٣ ٥\tAda", "first past"),
        ("\0\0", "first past"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, line, word):
    error = refused(write(tmp_path, marks=f"{MARKS}\n{line}\n"))
    assert error.problem == "a.ann:4: the annotation does not match a.txt."
    assert word in error.hint
    assert len(str(error)) < 400


def test_a_text_that_is_missing_is_named(tmp_path):
    write(tmp_path, text="")
    (tmp_path / "a.txt").unlink()
    assert "no a.txt" in refused(tmp_path).received


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"\x1f\x8b\x08", b"\0" * 50])
def test_what_is_no_text_is_refused(tmp_path, content):
    assert refused(write(tmp_path, text=content)).problem == "a.txt is not a text file."
    assert refused(write(tmp_path, marks=content)).problem == "a.ann is not a text file."
