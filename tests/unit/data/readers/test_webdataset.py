"""Archives of WebDataset are rows; nothing is extracted, and what is odd is told."""

import io
import json
import tarfile

import pytest

from luthier.data.readers.read import read
from luthier.errors import DataError


def archive(path, files, mode="w"):
    with tarfile.open(path, mode) as made:
        for name, held in files.items():
            about = tarfile.TarInfo(name)
            if held is None:
                about.type, about.linkname = tarfile.SYMTYPE, "/etc/passwd"
                made.addfile(about)
            else:
                about.size = len(held)
                made.addfile(about, io.BytesIO(held))
    return path


def test_files_with_one_stem_are_a_row(tmp_path):
    files = {
        "a/1.jpg": b"one",
        "a/1.cls": b"cat\n",
        "a/1.json": json.dumps({"price": 3}).encode(),
        "a/2.left.png": b"two",
        "a/2.cls": b"dog",
        "a/2.md5": b"?",
        "../3.jpg": b"three",
        "4.jpg": None,
    }
    rows, notes = read(archive(tmp_path / "rows.tar", files))
    assert rows["image"] == [b"one", None, b"three"]
    assert rows["left"] == [None, b"two", None]
    assert rows["label"] == ["cat", "dog", None]
    assert rows["price"] == [3, None, None]
    assert notes == ["rows.tar: files ending in md5 are not read"]
    assert rows.where(1).endswith("rows.tar:2")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"no archive" * 100), r"plain \.tar"),
        (lambda path: archive(path, {"1.jpg": b"a"}, "w:gz"), r"plain \.tar"),
        (lambda path: archive(path, {"1.md5": b"a"}), "no rows"),
        (lambda path: archive(path, {"1.json": b"[1]"}), "no JSON object"),
        (lambda path: archive(path, {"1.json": b"{"}), "no JSON object"),
        (lambda path: archive(path, {"1.jpg": bytes(51 << 20)}), "more than is read"),
    ],
)
def test_what_is_no_such_archive_is_told(tmp_path, make, words):
    make(tmp_path / "rows.tar")
    with pytest.raises(DataError, match=words):
        read(tmp_path / "rows.tar")


def test_an_archive_that_is_cut_short_is_told(tmp_path):
    made = archive(tmp_path / "rows.tar", {f"{n}.jpg": bytes(3000) for n in range(9)})
    made.write_bytes(made.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"plain \.tar"):
        read(made)


@pytest.mark.parametrize(("kind", "ending"), [("image", "png"), ("audio", "wav")])
def test_a_folder_for_each_label_may_hold_media(tmp_path, kind, ending):
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(2):
            (tmp_path / label / f"{number}.{ending}").write_bytes(b"a")
    rows, _ = read(tmp_path)
    assert rows["label"] == ["cat", "cat", "dog", "dog"]
    assert rows[kind] == [f"0.{ending}", f"1.{ending}"] * 2
    assert rows.files[int(rows.file_of[3])] == str(tmp_path / "dog" / f"1.{ending}")


def test_a_folder_with_metadata_names_its_files(tmp_path):
    (tmp_path / "1.png").write_bytes(b"a")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "1.png", "label": "cat"}\n')
    rows, _ = read(tmp_path, columns={"image": "file_name"})
    assert rows["image"] == ["1.png"]
