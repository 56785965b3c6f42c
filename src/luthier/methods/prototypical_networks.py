"""`prototypical-networks`: learn features in which every class lies close around its mean.

In each episode the class means of a few support rows (the prototypes) classify other rows by
squared Euclidean distance, and the body follows that loss. Afterwards the means of all training
rows become the head. Snell et al. 2017, section 2, https://arxiv.org/abs/1703.05175.

Deviations: the body is pre-trained; distances are divided by a temperature, the square root of the
width by default, since pre-trained features are long and the softmax would begin saturated; classes
of training and of use may be the same.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from luthier.episodes.options import EpisodeOptions
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.records import StepInfo

if TYPE_CHECKING:
    from luthier.episodes.learner import Episode


class PrototypicalNetworks(SingleLabelMethod):
    """Train the body so that class means of few rows classify others."""

    name: ClassVar[str] = "prototypical-networks"
    Options = EpisodeOptions
    options: EpisodeOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train on episodes; the head is made of the class means of all training rows."""
        from luthier.episodes.fitting import fit_on_episodes

        study = partial(judge_by_means, temperature=self.options.temperature)
        return (yield from fit_on_episodes(model, job, self.options, study))


def judge_by_means(body: Model, episode: Episode, *, temperature: float | None) -> Any:
    """Give logits of an episode's queries by the class means of its support, (queries, ways)."""
    from luthier.episodes.adaptation import class_means, head_of_means

    shape = episode.shape
    features = body(**episode.rows).logits  # (ways * (shots + queries), width): one pass for all
    features = features.unflatten(0, (shape.ways, shape.of_class))
    support = features[:, : shape.shots].flatten(0, 1)  # (ways * shots, width)
    means = class_means(support, episode.classes(shape.shots), shape.ways)
    return head_of_means(means, temperature=temperature)(features[:, shape.shots :].flatten(0, 1))
