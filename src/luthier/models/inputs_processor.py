"""What prepares rows of several kinds of input: a tokenizer, and encoders of images and sounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luthier.media.descriptors import DESCRIPTORS
from luthier.models.load import ENCODERS, load_tokenizer, tokenizer_at
from luthier.models.media_descriptor import DESCRIPTION, MediaDescriptor
from luthier.models.media_encoder import MediaEncoder

Encoder = MediaEncoder | MediaDescriptor


def encoder(name: str, **source: Any) -> Encoder:
    """Load an encoder, or a description that takes its place, by its name or folder."""
    if name in DESCRIPTORS:
        return MediaDescriptor(name)
    if (Path(name) / DESCRIPTION).is_file():
        return MediaDescriptor.read(Path(name))
    return MediaEncoder.load(name, **source)


class InputsProcessor:
    """A tokenizer for the texts of a row, and an encoder for each of its other files.

    Args:
        tokenizer: The tokenizer of the model that is trained.
        encoders: Role to the encoder of its images or sounds.
    """

    def __init__(self, tokenizer: Any, encoders: Mapping[str, Encoder]):
        self.tokenizer, self.encoders = tokenizer, dict(encoders)

    @classmethod
    def load(cls, model: str, encoders: Mapping[str, str], **options: Any) -> InputsProcessor:
        """Load a model's tokenizer, and encoders by their names.

        Args:
            model: The model that is trained.
            encoders: Role to the name of an encoder.
            options: `new_tokens`, `revision` and `ignore_unsafe_files` of the model.
        """
        safely = {"ignore_unsafe_files": options.get("ignore_unsafe_files", False)}
        of_name = {name: encoder(name, **safely) for name in sorted(set(encoders.values()))}
        made = {role: of_name[name] for role, name in encoders.items()}
        return cls(load_tokenizer(model, **options), made)

    @classmethod
    def read(cls, folder: Path) -> InputsProcessor:
        """Read what `save_pretrained` wrote."""
        encoders = {path.name: encoder(str(path)) for path in sorted((folder / ENCODERS).iterdir())}
        return cls(tokenizer_at(folder), encoders)

    @property
    def padding_side(self) -> str:
        """The side on which the tokenizer pads."""
        return str(self.tokenizer.padding_side)

    def to_dict(self) -> dict[str, Any]:
        """Describe what decides how rows are encoded."""
        return {
            "tokenizer": self.tokenizer.get_vocab(),
            "encoders": {role: one.digest for role, one in self.encoders.items()},
        }

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer, and a plain checkpoint of each encoder."""
        self.tokenizer.save_pretrained(folder)
        (Path(folder) / ENCODERS).mkdir(exist_ok=True)
        for role, one in self.encoders.items():
            one.save_pretrained(Path(folder) / ENCODERS / role)
