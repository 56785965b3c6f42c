"""Columns of file names are recognised; texts beside them are read first."""

import pytest

from luthier.errors import DataError
from luthier.records import Rows
from luthier.shapes.recognise import recognise


def test_names_of_images_and_of_sounds_are_recognised():
    for ending, task, role in (
        ("JPG", "image-classification", "image"),
        ("wav", "audio-classification", "audio"),
    ):
        rows = Rows.of(
            {
                "file": [f"media/{n}.{ending}" for n in range(60)],
                "take": list(range(60)),
                "speaker": [f"s{n % 6}" for n in range(60)],
                "digit": [n % 10 for n in range(60)],
            }
        )
        guess = recognise(rows)
        assert guess.task == task
        assert guess.columns == {role: "file", "label": "digit"}
        assert any("data.columns.label=speaker" in one for one in guess.unsure)


@pytest.mark.parametrize(
    ("content", "task", "role"),
    [
        (b"\x89PNG\r\n\x1a\n", "image-classification", "image"),
        (b"\xff\xd8\xff\xe0", "image-classification", "image"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image-classification", "image"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio-classification", "audio"),
        (b"fLaC\x00\x00", "audio-classification", "audio"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_bytes_of_files_are_recognised_by_their_beginning(content, task, role, nested):
    column = "photo.bytes" if nested else "photo"
    columns = {column: [content + bytes([n]) for n in range(60)]}
    columns |= {"photo.path": [f"{n}.bin" for n in range(60)]} if nested else {}
    guess = recognise(Rows.of({**columns, "label": [f"l{n % 2}" for n in range(60)]}))
    assert guess.task == task
    assert guess.columns == {role: column, "label": "label"}
    assert not any("data.media" in one for one in guess.unsure)


def test_other_bytes_are_no_media():
    columns = {"blob": [bytes([n, 7, 7]) for n in range(60)], "label": ["a", "b"] * 30}
    with pytest.raises(DataError, match="No column looks like texts"):
        recognise(Rows.of(columns))


def test_texts_are_read_where_there_are_some():
    texts = [f"This is the {n}th of all the good films that I saw here." for n in range(60)]
    rows = Rows.of(
        {"text": texts, "photo": ["a.png"] * 60, "label": [f"l{n % 2}" for n in range(60)]}
    )
    assert recognise(rows).task == "text-classification"


def test_texts_beside_files_that_are_there_are_read_with_them(tmp_path):
    (tmp_path / "0.png").write_bytes(b"")
    columns = {
        "title": [f"This is the {n}th of all the good chairs that I saw here." for n in range(60)],
        "photo": [f"{n}.png" for n in range(60)],
        "price": [n / 7 for n in range(60)],
        "kind": [f"l{n % 2}" for n in range(60)],
    }
    guess = recognise(Rows.of(columns, name=str(tmp_path / "items.csv")))
    assert guess.task == "multimodal-classification"
    assert guess.fields["task.options.inputs"] == {"title": "text", "photo": "image"}
    assert guess.columns["label"] == "kind"
    assert any("price" in one for one in guess.unsure)
    elsewhere = recognise(Rows.of(columns, name=str(tmp_path / "no" / "items.csv")))
    assert elsewhere.task.startswith("text-")


def test_labels_of_several_words_are_no_texts():
    labels = [("Food & Drink", "People & Body")[n % 2] for n in range(60)]
    guess = recognise(Rows.of({"image": [f"{n}.png" for n in range(60)], "label": labels}))
    assert guess.task == "image-classification"
