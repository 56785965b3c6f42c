"""Base of methods that train on episodes."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.records import StepInfo

if TYPE_CHECKING:
    from torch import Tensor

    from luthier.episodes.learner import Episode
    from luthier.models.heads import PooledClassifier


class EpisodicMethod(SingleLabelMethod):
    """Trains the body on episodes, then makes a head of the class means of all training rows.

    Plug-ins implement `study`.
    """

    loss: ClassVar[str] = "cross-entropy"

    @property
    def replaces_weights(self) -> bool:
        """Whether inner steps change the weights of the body."""
        return False

    def study(self, body: PooledClassifier, episode: Episode) -> Tensor:
        """Compute what `loss` reads: the logits of an episode's queries, or a loss."""
        raise NotImplementedError

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train on episodes, then make the head."""
        from luthier.episodes.fitting import fit_on_episodes

        return (
            yield from fit_on_episodes(
                model,
                job,
                self.options,
                self.study,
                loss=self.loss,
                replaces_weights=self.replaces_weights,
            )
        )
