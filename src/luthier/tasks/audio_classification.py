"""`audio-classification`: one sound, one label (a word, a speaker, what is heard)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.media_level import MediaLevel


class AudioClassification(MediaLevel):
    """One sound, one label: a word, a speaker, what is heard."""

    name: ClassVar[str] = "audio-classification"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("audio", "audio", ("audio", "recording", "sound", "call", "file_name", "path")),
        Column("label", "label", ("label", "category", "class", "digit", "word", "speaker")),
    )
    auto_model: ClassVar[str] = "AutoModelForAudioClassification"
    hub_task: ClassVar[str] = "audio-classification"

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 noisy tones of a tenth of a second, low or high."""
        random = np.random.default_rng(0)
        sounds, labels = [], []
        for n in range(80):
            pitch = 300 if n % 2 else 1500  # hertz
            times = np.arange(1600) / 16000
            tone = np.sin(2 * np.pi * (pitch * times + random.random()))
            sounds.append((0.3 * tone + 0.02 * random.normal(size=1600)).astype(np.float32))
            labels.append("low" if n % 2 else "high")
        return Rows.of({"audio": sounds, "label": labels}, name="toy")
