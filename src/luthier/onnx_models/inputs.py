"""What prepares rows of several kinds of input for an exported model. Beside `tokenizer.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.onnx_models.tokenizer import LightTokenizer


class LightInputs:
    """A tokenizer for the texts of a row, and descriptions of its images and sounds.

    Args:
        tokenizer: Cuts the texts; None where no input is a text.
        encoders: Role to what turns its images or sounds into vectors.
    """

    def __init__(self, tokenizer: LightTokenizer | None, encoders: Mapping[str, Any]):
        self.tokenizer, self.encoders = tokenizer, dict(encoders)

    @property
    def padding_side(self) -> str:
        """The side on which texts are padded."""
        return "right" if self.tokenizer is None else str(vars(self.tokenizer)["padding_side"])
