"""Vectors of files are remembered, but not across what is read of a sound."""

import numpy as np

from luthier.columns import Limits
from luthier.inputs.audio import Audio
from luthier.models.media_encoder import MediaEncoder


def test_a_sound_of_which_less_is_read_has_a_vector_of_its_own(tiny_model):
    encoder = MediaEncoder.load(str(tiny_model("wav2vec2")))
    time = np.arange(3200) / 16000
    rising = np.sin(2 * np.pi * (200 + 4000 * time) * time).astype(np.float32)
    whole, part, again = (
        encoder.vectors([rising], Audio(), Limits(0, max_seconds=seconds))
        for seconds in (0.2, 0.05, 0.2)
    )
    assert np.array_equal(whole, again)
    assert not np.allclose(whole, part, atol=1e-4)
