"""Columns of file names are recognised; texts beside them are read first."""

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
