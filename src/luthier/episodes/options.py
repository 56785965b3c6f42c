"""Options that all episodic methods share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from luthier.recipe.tree import Section

Head = Literal["prototypes", "zeros"]


class EpisodeOptions(Section):
    """Size and number of episodes; the optimizer is set by the training section."""

    ways: int = Field(
        5, ge=2, description="Classes of an episode; unless given, at most those there are."
    )
    shots: int = Field(5, ge=1, description="Rows of each class that an episode learns from.")
    queries: int = Field(5, ge=1, description="Rows of each class that it is judged by.")
    episodes: int | None = Field(
        None,
        ge=1,
        description="Episodes in all; null: as many as pass over the training rows "
        "num_train_epochs times.",
    )
    meta_batch: int = Field(1, ge=1, description="Episodes whose gradients make one step.")
    temperature: float | None = Field(
        None,
        gt=0,
        description="Squared distances are divided by it; null: the square root of the width.",
    )


class InnerOptions(EpisodeOptions):
    """Options of methods that take steps of gradient descent inside each episode."""

    meta_batch: int = Field(4, ge=1, description="Episodes whose gradients make one step.")
    inner_steps: int = Field(2, ge=1, description="Steps of gradient descent in an episode.")
    inner_learning_rate: float = Field(0.01, gt=0, description="Size of those steps.")
    head: Head = Field(
        "prototypes", description="Where an episode's head begins: at class means, or at zero."
    )
