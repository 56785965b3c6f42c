"""`multimodal-regression`: texts, images, sounds, numbers and categories, one number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.joint_inputs import JointCodec, JointInputs
from luthier.task_types.joint_options import JointOptions
from luthier.task_types.number import Number, NumberCodec, NumberOptions
from luthier.task_types.text_level import TEXT


class MultimodalRegressionOptions(NumberOptions, JointOptions):
    """Options of both: what is learned, and from which inputs."""


@dataclass(frozen=True)
class MultimodalRegressionCodec(JointCodec, NumberCodec):
    """One number per row, from several inputs."""


class MultimodalRegression(JointInputs, Number):
    """One number for a row of texts, images, sounds, numbers and categories."""

    name: ClassVar[str] = "multimodal-regression"
    unit: ClassVar[str] = "joint"
    Codec = MultimodalRegressionCodec
    Options = MultimodalRegressionOptions
    columns: ClassVar[tuple[Column, ...]] = (
        TEXT,
        Column("label", "value", ("label", "price", "rating", "score", "value")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("mean-value", "each-alone", "average")
    wraps_single: ClassVar[bool] = False

    @staticmethod
    def toy_rows() -> Rows:
        """Make 84 dishes whose rating follows from a word of praise and from their weight."""
        draw = np.random.default_rng(0)
        praise = {"awful": 1.0, "plain": 3.0, "superb": 5.0}
        texts, weights, labels = [], [], []
        for n in range(84):
            word, weight = list(praise)[n % 3], float(draw.normal(300, 50))
            texts.append(f"Dish {n} was {word}.")
            weights.append(round(weight, 1))
            labels.append(round(praise[word] + (weight - 300) / 100, 3))
        return Rows.of({"text": texts, "weight": weights, "label": labels}, name="toy")
