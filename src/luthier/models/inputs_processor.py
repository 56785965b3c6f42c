"""What prepares rows of several kinds of input: a tokenizer, and encoders of images and sounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from luthier.media.descriptors import DESCRIPTORS
from luthier.models.fusion import ENCODERS
from luthier.models.load import load_tokenizer, tokenizer_at
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
        tokenizer: The tokenizer of the model that is trained; None where no input is a text.
        encoders: Role to the encoder of its images or sounds.
        tuned: Roles whose encoders are parts of the model, which saves their weights.
    """

    def __init__(
        self, tokenizer: Any, encoders: Mapping[str, Encoder], tuned: Collection[str] = ()
    ):
        self.tokenizer, self.tuned = tokenizer, tuned
        self.encoders: dict[str, Any] = dict(encoders)

    @classmethod
    def load(
        cls,
        model: str | None,
        encoders: Mapping[str, str],
        *,
        tuned: Collection[str] = (),
        **options: Any,
    ) -> InputsProcessor:
        """Load a model's tokenizer, and encoders by their names.

        Args:
            model: The model that is trained; None where no input is a text.
            encoders: Role to the name of an encoder.
            tuned: Roles whose encoders are trained with the model.
            options: `new_tokens`, `revision` and `ignore_unsafe_files` of the model.
        """
        safely = {"ignore_unsafe_files": options.get("ignore_unsafe_files", False)}
        of_name = {name: encoder(name, **safely) for name in sorted(set(encoders.values()))}
        made = {role: of_name[name] for role, name in encoders.items()}
        tokenizer = None if model is None else load_tokenizer(model, **options)
        return cls(tokenizer, made, tuned)

    @classmethod
    def read(cls, folder: Path) -> InputsProcessor:
        """Read what `save_pretrained` wrote."""
        encoders = {path.name: encoder(str(path)) for path in sorted((folder / ENCODERS).iterdir())}
        has_texts = (folder / "tokenizer_config.json").is_file()
        return cls(tokenizer_at(folder) if has_texts else None, encoders)

    @property
    def padding_side(self) -> str:
        """The side on which the tokenizer pads."""
        return "right" if self.tokenizer is None else str(self.tokenizer.padding_side)

    def to_dict(self) -> dict[str, Any]:
        """Describe what decides how rows are encoded."""
        return {
            "tokenizer": None if self.tokenizer is None else self.tokenizer.get_vocab(),
            "encoders": {role: one.digest for role, one in self.encoders.items()},
        }

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer, and a plain checkpoint of each encoder."""
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder)
        (Path(folder) / ENCODERS).mkdir(exist_ok=True)
        for role, one in self.encoders.items():
            place = Path(folder) / ENCODERS / role
            one.save_processor(place) if role in self.tuned else one.save_pretrained(place)

    def copies(self, roles: Collection[str]) -> dict[str, Any]:
        """Copy the encoders of roles, to be trained; roles that share one share its copy."""
        own: dict[str, Any] = {role: self.encoders[role] for role in roles}
        made = deepcopy({role: one.model for role, one in own.items()})
        for one in made.values():
            one.requires_grad_(True)
        return made
