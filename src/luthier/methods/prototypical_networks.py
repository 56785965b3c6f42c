"""`prototypical-networks`: learns features in which every class lies close to its mean.

In each episode the class means of a few support rows (the prototypes) classify other rows by
squared Euclidean distance, and the body is trained on that loss. Afterwards the means of all
training rows become the head. Snell et al. 2017, section 2, https://arxiv.org/abs/1703.05175.

Deviations: the body is pre-trained; distances are divided by a temperature, the square root of the
width by default, since pre-trained features have large norms and the softmax would start saturated;
classes of training and of use may be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from luthier.episodes.method import EpisodicMethod
from luthier.episodes.options import EpisodeOptions

if TYPE_CHECKING:
    from torch import Tensor

    from luthier.episodes.learner import Episode
    from luthier.models.heads import PooledClassifier


class PrototypicalNetworks(EpisodicMethod):
    """Train the body so that class means of a few rows classify others."""

    name: ClassVar[str] = "prototypical-networks"
    Options = EpisodeOptions
    options: EpisodeOptions

    def study(self, body: PooledClassifier, episode: Episode) -> Tensor:
        """Compute logits of the queries by the class means of the support."""
        return judge_by_means(body, episode, temperature=self.options.temperature)


def judge_by_means(
    body: PooledClassifier, episode: Episode, *, temperature: float | None
) -> Tensor:
    """Return logits of an episode's queries by the support's class means, (queries, ways)."""
    from luthier.episodes.adaptation import class_means, head_of_means

    shape = episode.shape
    features = body(**episode.rows).logits  # (ways * (shots + queries), width): one pass
    features = features.unflatten(0, (shape.ways, shape.of_class))
    support = features[:, : shape.shots].flatten(0, 1)  # (ways * shots, width)
    means = class_means(support, episode.classes(shape.shots), shape.ways)
    return head_of_means(means, temperature=temperature)(features[:, shape.shots :].flatten(0, 1))
