"""Sounds are read as one channel at the model's rate, no longer than asked."""

import io

import numpy as np
import pytest
import soundfile

from luthier.errors import DataError
from luthier.media.heads import decoded_of, head_of, is_blank
from luthier.media.sounds import samples_of


def tone(seconds=0.5, rate=8000, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def saved(samples, rate=8000, kind="WAV"):
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format=kind)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_every_format_is_heard_at_the_rate_that_is_asked_for(kind):
    heard = samples_of(saved(tone(), kind=kind), rate=16000, max_seconds=10)
    assert heard.dtype == np.float32
    assert len(heard) == pytest.approx(8000, rel=0.25)  # MP3 pads its ends
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.fft.rfftfreq(len(heard), 1 / 16000)[spectrum.argmax()] == pytest.approx(440, abs=5)


def test_channels_are_averaged_and_whole_numbers_scaled():
    both = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    assert samples_of(both, rate=8000, max_seconds=1) == pytest.approx(0.125)
    whole = np.full(10, 2**14, dtype=np.int16)
    assert samples_of(whole, rate=8000, max_seconds=1) == pytest.approx(0.5, abs=1e-4)


def test_no_more_is_read_than_asked_for():
    held = saved(tone(seconds=3))
    assert len(samples_of(held, rate=8000, max_seconds=0.25)) == 2000
    assert head_of(held, "audio").seconds == 3


@pytest.mark.parametrize("held", [b"", b"RIFF", b"<html>", saved(tone())[:20]])
def test_what_is_no_sound_is_refused(held):
    for read in (
        lambda one: samples_of(one, rate=8000, max_seconds=1),
        lambda one: head_of(one, "audio"),
    ):
        with pytest.raises(DataError, match="cannot be read"):
            read(held)


def test_an_hour_of_silence_in_few_bytes_is_refused():
    held = saved(np.zeros(3600 * 8000, dtype=np.int16), kind="FLAC")
    with pytest.raises(DataError, match="cannot be read"):
        samples_of(held, rate=8000, max_seconds=1)


def test_silence_is_found():
    assert is_blank(decoded_of(saved(np.zeros(800)), "audio"), "audio")
    assert not is_blank(decoded_of(saved(tone()), "audio"), "audio")
