"""Copies, blanks and lying names of images and sounds are found by what files hold."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from luthier.columns import Column
from luthier.data.doctor.inspect_splits import inspect
from luthier.records import Rows, Splits

IMAGE = (Column("image", "image"), Column("label", "label"))


@pytest.fixture
def folder(tmp_path):
    draw = np.random.default_rng(0)
    for name in "abcd":
        pixels = draw.integers(0, 255, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "lie.jpg").write_bytes((tmp_path / "d.png").read_bytes())
    Image.new("RGB", (4, 4)).save(tmp_path / "black.png")
    return tmp_path


def splits(train, test, folder, role="image"):
    def rows(cells):
        labels = ["x" if number % 2 else "y" for number in range(len(cells))]
        return Rows.of({role: cells, "label": labels}, name=str(folder / "rows.csv"))

    return Splits(rows(train), rows([]), rows(test))


def codes(given, columns=IMAGE, **options):
    found = inspect(given, inputs=columns[:1], label_role="label", kind="single-label", **options)
    return {one.code: one for one in found}


def test_a_copy_under_another_name_is_a_leak(folder):
    found = codes(splits(["a.png", "b.png", "c.png"], ["copy.png"], folder))
    assert found["duplicate-across-splits"].count == 1
    assert "conflicting-labels" not in found
    found = codes(splits(["a.png", "copy.png"], [], folder))
    assert found["conflicting-labels"].count == 2


def test_blank_images_and_lying_names_are_told(folder):
    found = codes(splits(["a.png", "black.png", "lie.jpg"], [], folder))
    assert found["media-blank"].count == found["media-ending"].count == 1
    assert "black.png" not in found["media-blank"].message
    assert "media-not-read" not in found


def test_an_absent_image_matters_only_where_it_is_all_there_is(folder):
    given = splits(["a.png", None, "b.png"], [], folder)
    assert codes(given)["media-missing"].severity == "error"
    assert codes(given, needs_media=False)["media-missing"].severity == "note"


def test_long_and_silent_sounds_are_told(tmp_path):
    draw = np.random.default_rng(0)
    soundfile.write(tmp_path / "long.wav", 0.1 * draw.normal(size=16000), 8000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(800), 8000)
    soundfile.write(tmp_path / "fine.wav", 0.1 * draw.normal(size=800), 8000)
    given = splits(["long.wav", "silent.wav", "fine.wav"], [], tmp_path, role="audio")
    found = codes(given, (Column("audio", "audio"),), max_seconds=1.0)
    assert found["media-cut-off"].count == found["media-blank"].count == 1
    assert found["media-cut-off"].fix == "data.max_seconds=2"


def test_a_picture_saved_anew_looks_like_one_of_training(tmp_path):
    draw = np.random.default_rng(0)
    small = [draw.integers(0, 255, (6, 6, 3)).astype(np.uint8) for _ in range(4)]
    shown = [Image.fromarray(one).resize((90, 90), Image.Resampling.BICUBIC) for one in small]
    for name, one in zip("abcd", shown, strict=True):
        one.save(tmp_path / f"{name}.png")
    shown[0].resize((64, 64)).save(tmp_path / "again.jpg", quality=80)
    found = codes(splits(["a.png", "b.png", "c.png"], ["again.jpg", "d.png"], tmp_path))
    alike = found["media-near-duplicate"]
    assert alike.count == 1
    assert "duplicate-across-splits" not in found
    assert alike.places[0].endswith(":image")


def test_an_input_that_only_test_rows_lack_is_told(folder):
    lacking = splits(["a.png", "b.png"] * 30, ["c.png", None] * 30, folder)
    found = codes(lacking, needs_media=False)["media-missing-unevenly"]
    assert "in 0% of the training rows and in 50% of the test rows" in found.message
    assert found.count == 30
    alike = splits(["a.png", None] * 30, ["c.png", None] * 30, folder)
    assert "media-missing-unevenly" not in codes(alike, needs_media=False)
