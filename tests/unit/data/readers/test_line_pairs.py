"""Files side by side: line i belongs to line i, and a file that is missing or short is named."""

from __future__ import annotations

import os

import pytest

from luthier.data.readers.line_pairs import expand
from luthier.data.readers.read import read
from luthier.errors import DataError


def write(folder, **texts: str | bytes) -> str:
    for ending, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"train.{ending}").write_bytes(content)
    return f"{folder}/train.{{{','.join(texts)}}}"


def refused(source) -> DataError:
    with pytest.raises(DataError) as caught:
        read(source)
    assert caught.value.received
    return caught.value


def test_two_files_are_two_columns(tmp_path):
    source = write(tmp_path, en="One.\nTwo.\n", de="Eins.\nZwei.")
    rows, notes = read(source)
    assert dict(rows.columns) == {"en": ["One.", "Two."], "de": ["Eins.", "Zwei."]}
    assert rows.where(1) == f"{source}:2"
    assert notes == []


def test_braces_may_stand_anywhere_and_name_several(tmp_path):
    for name in ("src", "mt", "pe"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"{name}\n")
    rows, _ = read(f"{tmp_path}/{{src, mt,pe}}/a.txt", columns={"text": "src"})
    assert dict(rows.columns) == {"text": ["src"], "mt": ["mt"], "pe": ["pe"]}


def test_lines_without_text_stay_in_place(tmp_path):
    rows, _ = read(write(tmp_path, en="\n\nThree.\n", de="Eins.\n\n\n"))
    assert dict(rows.columns) == {"en": ["", "", "Three."], "de": ["Eins.", "", ""]}


def test_each_file_has_its_own_encoding_and_line_ends(tmp_path):
    source = write(
        tmp_path, en="Café\u2028x\r\nb\r\n".encode("utf-8-sig"), de="Käse\nb\n".encode("cp1252")
    )
    rows, notes = read(source)
    assert rows["en"] == ["Café\u2028x", "b"]
    assert rows["de"] == ["Käse", "b"]
    assert notes == ["train.{en,de}: de: encoding cp1252"]


def test_several_sources_are_put_below_one_another(tmp_path):
    source = write(tmp_path, en="One.\n", de="Eins.\n")
    rows, _ = read([source, source])
    assert rows["de"] == ["Eins.", "Eins."]


def test_unequal_counts_are_refused_with_both(tmp_path):
    error = refused(write(tmp_path, en="One.\nTwo.\n", de="Eins.\n"))
    assert error.received == "train.en: 2, train.de: 1"


def test_the_missing_file_is_named(tmp_path):
    write(tmp_path, en="One.\n", de="Eins.\n")
    assert f"no file {tmp_path}/train.fr" in refused(f"{tmp_path}/train.{{en,fr}}").problem
    assert "train.{en,de}" in refused(f"{tmp_path}/train.{{en}}").hint
    assert refused(f"{tmp_path}/train.{{en,en}}").problem == "Parallel files must be at least two."


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"\0" * 40], ids=repr
)
def test_files_that_are_empty_or_no_text_are_refused(tmp_path, content):
    refused(write(tmp_path, en=content, de=content))


@pytest.mark.parametrize("source", ["{" * 50_000, "a.{" + "x," * 5000 + "y}", "{,}", "a{b,\0}"])
def test_hostile_braces_are_refused(source):
    assert len(str(refused(source).problem)) < 50_100


def test_a_file_with_braces_in_its_name_is_itself(tmp_path):
    path = tmp_path / "a{b,c}.csv"
    path.write_text("text,label\nx,y\n")
    assert read(path)[0]["text"] == ["x"]
    assert expand("a.csv") is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path):
    source = write(tmp_path, en="One.\n", de="Eins.\n")
    (tmp_path / "train.de").chmod(0)
    assert refused(source).problem == "train.de cannot be opened."
