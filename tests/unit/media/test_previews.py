"""Small copies for a page: written anew, bounded, and nothing else of a file."""

import base64
import io

import numpy as np
import soundfile
from PIL import Image

from luthier.media.previews import preview_of
from luthier.report.error_analysis import inputs_of


def held(uri):
    kind, _, data = uri.partition(",")
    return kind, base64.b64decode(data)


def test_a_picture_is_small_and_has_no_metadata(tmp_path):
    big = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 600, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x010E] = "<script>secret</script>"
    big.save(tmp_path / "a.jpg", exif=exif)
    kind, made = held(preview_of(str(tmp_path / "a.jpg"), "image"))
    assert kind == "data:image/jpeg;base64"
    assert b"secret" not in made
    assert len(made) < 10_000
    shown = Image.open(io.BytesIO(made))
    assert shown.size == (96, 48)
    assert not shown.getexif()


def test_a_sound_is_cut_to_its_beginning():
    kind, made = held(preview_of(np.zeros(16_000 * 60), "audio"))
    about = soundfile.info(io.BytesIO(made))
    assert kind == "data:audio/wav;base64"
    assert (about.samplerate, about.channels, about.duration) == (8000, 1, 4.0)


def test_what_is_not_there_or_cannot_be_read_has_no_copy(tmp_path):
    assert preview_of(None, "image") is None
    assert preview_of(b"<html>", "image") is None
    assert preview_of(str(tmp_path / "no.wav"), "audio") is None


def test_a_page_shows_only_copies_that_a_run_writes():
    made = preview_of(np.zeros((4, 4, 3), dtype=np.uint8), "image")
    given = [
        {"role": "a", "kind": "image", "data": made},
        {"role": "b", "kind": "image", "data": "https://example.org/a.png"},
        {"role": "c", "kind": "audio", "data": "data:text/html;base64,AAAA"},
        {"role": "d", "kind": "image", "data": ""},
        {"role": "e", "kind": "text", "data": "words"},
    ]
    shown = [one["data"] for one in inputs_of({"inputs": given})]
    assert shown == [made, None, None, "", "words"]
