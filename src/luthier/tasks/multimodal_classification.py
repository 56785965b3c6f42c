"""`multimodal-classification`: texts, images, sounds, numbers and categories, one label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from luthier.columns import Column
from luthier.records import Rows
from luthier.task_types.joint_inputs import JointCodec, JointInputs
from luthier.task_types.joint_options import JointOptions
from luthier.task_types.single_label import SingleLabel, SingleLabelCodec, SingleLabelOptions
from luthier.task_types.text_level import TEXT


class MultimodalClassificationOptions(SingleLabelOptions, JointOptions):
    """Options of both: what is learned, and from which inputs."""


@dataclass(frozen=True)
class MultimodalClassificationCodec(JointCodec, SingleLabelCodec):
    """One label per row, from several inputs."""


class MultimodalClassification(JointInputs, SingleLabel):
    """One label for a row of texts, images, sounds, numbers and categories."""

    name: ClassVar[str] = "multimodal-classification"
    unit: ClassVar[str] = "joint"
    Codec = MultimodalClassificationCodec
    Options = MultimodalClassificationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        TEXT,
        Column("label", "label", ("label", "category", "class", "verdict")),
    )
    baselines: ClassVar[tuple[str, ...]] = ("majority", "each-alone", "average")
    wraps_single: ClassVar[bool] = False

    @staticmethod
    def toy_rows() -> Rows:
        """Make 90 items whose label follows from the words and the price together."""
        draw = np.random.default_rng(0)
        texts, prices, brands, labels = [], [], [], []
        for n in range(90):
            is_dear, is_good = n % 2 == 1, n // 2 % 3 != 0
            texts.append(f"The cake number {n} was {'good' if is_good else 'poor'}.")
            prices.append(round(float(draw.normal(90 if is_dear else 10, 3)), 2))
            brands.append(("oak", "elm", None)[draw.integers(3)])
            labels.append("buy" if is_good and not is_dear else "think" if is_good else "leave")
        return Rows.of(
            {"text": texts, "price": prices, "brand": brands, "label": labels}, name="toy"
        )
