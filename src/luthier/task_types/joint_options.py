"""What a recipe says of several inputs: their kinds, their encoders, how they are joined."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from luthier.columns import PRESENT
from luthier.media.descriptors import DESCRIPTORS
from luthier.media.places import MEDIA
from luthier.paths import is_plain_name
from luthier.recipe.tree import Section

Kind = Literal["text", "image", "audio", "number", "category"]


class JointOptions(Section):
    """Options of tasks that read several inputs."""

    inputs: dict[str, Kind] = Field(
        default={"text": "text"},
        min_length=1,
        description="Each input's role (a column's name) and kind; without a text, model=none.",
    )
    encoders: dict[str, str] = Field(
        default_factory=dict,
        description="For each image or sound, or for `image` and `audio`, an encoder: a hub id, a "
        "folder, package:NAME; or, without a model, `thumbnail` or `spectrum`.",
    )
    tuned: tuple[str, ...] = Field(
        (),
        description="Images and sounds, by role or kind, whose encoders are fine-tuned as the "
        "model is; the others are frozen.",
    )
    left_out: tuple[str, ...] = Field(
        (), description="Inputs that are taken as absent in every row, to see what they add."
    )
    fusion: Literal["late", "gated", "cross-attention"] = Field(
        "late", description="How inputs are joined."
    )
    modality_dropout: float = Field(
        0.15, ge=0, lt=1, description="Share of present inputs left out at random in training."
    )
    joint_width: int = Field(
        128, ge=8, multiple_of=4, description="Width of the vectors that are joined."
    )
    joint_rate: float = Field(
        10.0, gt=0, description="Learning rate of the new head, in multiples of the model's."
    )
    joint_dropout: float = Field(0.1, ge=0, lt=1, description="Dropout of the head.")

    @model_validator(mode="after")
    def _complete(self) -> JointOptions:
        if "label" in self.inputs or PRESENT in self.inputs:
            raise ValueError("an input is called neither label nor present")
        for role, kind in self.inputs.items():
            if kind in MEDIA and not is_plain_name(role):
                raise ValueError(f"{role} is no name of a folder; columns={{photo: '{role}'}}")
            if kind in MEDIA and not {role, kind} & self.encoders.keys():
                raise ValueError(f"{role} is of kind {kind}: encoders={{{kind}: MODEL}}")
        if unknown := set(self.left_out) - self.inputs.keys():
            raise ValueError(f"left_out names no input: {', '.join(sorted(unknown))}")
        if set(self.left_out) == self.inputs.keys():
            raise ValueError("left_out leaves nothing to learn from")
        for name in self.encoders:
            if self.inputs.get(name) not in MEDIA and name not in MEDIA:
                raise ValueError(f"{name} has an encoder, and is no image or audio")
        self._tunable()
        return self

    def _tunable(self) -> None:
        encoders = self.encoder_of()
        for name in self.tuned:
            roles = [role for role in encoders if name in (role, self.inputs[role])]
            if not roles:
                raise ValueError(f"tuned names {name}, which is no image or audio")
            if without := [one for one in map(encoders.get, roles) if one in DESCRIPTORS]:
                raise ValueError(f"tuned names {name}, whose encoder {without[0]} has no weights")

    def encoder_of(self) -> dict[str, str]:
        """Return the encoder of every image or sound, by role."""
        return {
            role: self.encoders.get(role) or self.encoders[kind]
            for role, kind in self.inputs.items()
            if kind in MEDIA
        }

    def tuned_roles(self) -> list[str]:
        """Return the roles of images and sounds whose encoders are fine-tuned."""
        return [role for role in self.encoder_of() if {role, self.inputs[role]} & {*self.tuned}]
