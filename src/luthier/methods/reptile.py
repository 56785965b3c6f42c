"""`reptile`: moves the weights towards those at the end of each episode's own training.

With weights φ, and U(φ) after inner steps of gradient descent on an episode, the update is
φ ← φ + ε (U(φ) - φ), averaged over episodes. Nichol et al. 2018, algorithms 1 and 2,
https://arxiv.org/abs/1803.02999. As suggested there, φ - U(φ) is passed to the optimizer as the
gradient, so ε is the learning rate of the training section (exactly, for `optim: sgd`).

Deviations: an episode's head is discarded after it and starts at class means of its shots, or at
zero; only the body is updated. Inner steps are plain gradient descent, in turn on different rows of
the episode, with equal numbers of every class; the paper uses Adam. The saved head has the class
means of all training rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from luthier.episodes.method import EpisodicMethod
from luthier.episodes.options import InnerOptions

if TYPE_CHECKING:
    from torch import Tensor

    from luthier.episodes.learner import Episode
    from luthier.models.heads import PooledClassifier


class Reptile(EpisodicMethod):
    """Move the weights towards where each episode's training ends."""

    name: ClassVar[str] = "reptile"
    Options = InnerOptions
    options: InnerOptions

    loss: ClassVar[str] = "own"

    @property
    def replaces_weights(self) -> bool:
        """Whether inner steps change the weights of the body."""
        return True

    def study(self, body: PooledClassifier, episode: Episode) -> Tensor:
        """Compute a loss whose gradient moves the weights."""
        return move_towards(body, episode, options=self.options)


def move_towards(body: PooledClassifier, episode: Episode, *, options: InnerOptions) -> Tensor:
    """Return the mean loss of the inner steps, a scalar whose gradient is φ - U(φ)."""
    import torch

    from luthier.episodes.adaptation import begin_head, descend, features_by, trained_weights

    compute, weights = features_by(body), trained_weights(body)
    shape = episode.shape
    with torch.no_grad():
        features = compute(weights, episode.support)
        head = begin_head(
            features,
            episode.classes(shape.shots),
            shape.ways,
            begin=options.head,
            temperature=options.temperature,
        )
    n_parts = min(options.inner_steps, shape.of_class)
    parts = [episode.every(part, n_parts) for part in range(n_parts)]
    steps = [parts[step % n_parts] for step in range(options.inner_steps)]
    ends, _, losses = descend(
        compute, weights, head, steps, rate=options.inner_learning_rate, second_order=False
    )
    pull = torch.stack(
        [((one - ends[name]).detach() * one).sum() for name, one in weights.items()]
    ).sum()
    return torch.stack(losses).mean() + pull - pull.detach()
