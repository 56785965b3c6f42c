"""The section `adaptation`: texts whose language a model learns before it learns the task.

`domains/adapt.py` does it. Gururangan et al. 2020, https://arxiv.org/abs/2004.10964.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from luthier.recipe.section import Section


def as_tuple(given: object) -> object:
    """Make a tuple of one text alone, and of a list."""
    if isinstance(given, str):
        return (given,)
    return tuple(given) if isinstance(given, list) else given


class Select(Section):
    """Which texts are learned: all, or those that are nearest to the training rows."""

    nearest: int = Field(
        ge=1, description="Texts for each training row: those nearest to it by frozen vectors."
    )


class Adaptation(Section):
    """Texts whose language the model goes on learning before the method, without labels."""

    texts: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = Field(
        (), description="Files of texts of the domain, of any format; labels are not read."
    )
    include_train: bool = Field(True, description="Learn the texts of the training rows too.")
    include_test: bool = Field(
        False, description="Learn the test rows' texts too; the verdict is then transductive."
    )
    objective: Literal["masked-lm", "causal-lm", "denoising"] | None = Field(
        None, description="What is learned of them; null: as the model's family reads."
    )
    num_train_epochs: float = Field(10.0, gt=0, description="Passes over the texts.")
    learning_rate: float = Field(1e-4, gt=0, description="Peak learning rate.")
    per_device_train_batch_size: int = Field(16, ge=1, description="Texts in a batch.")
    max_tokens: int = Field(128, ge=8, description="Tokens of a window; longer texts have several.")
    new_words: int = Field(
        0, ge=0, description="Most words of the texts to add to the vocabulary, whole."
    )
    select: Select | None = Field(
        None, description="Which texts of the files are learned; null: all."
    )
    head_steps: int = Field(
        300,
        ge=1,
        description="Steps at most that train a head which the checkpoint lacks, the rest frozen, "
        "until its loss is below 5.",
    )
    seed: int = Field(0, ge=0, description="Seed; training.seed does not change what is learned.")
