"""Tasks with one label for a whole image or sound: a single label, on another kind of input."""

from __future__ import annotations

from typing import ClassVar

from luthier.task_types.single_label import SingleLabel


class MediaLevel(SingleLabel):
    """One label for each row's image or sound, by the head that Transformers has for it."""

    unit: ClassVar[str] = "media"
    baselines: ClassVar[tuple[str, ...]] = ("majority", "from-scratch")
    wraps_single: ClassVar[bool] = False
