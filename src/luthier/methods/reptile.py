"""`reptile`: move the weights towards those that each episode's own training ends at.

With φ the weights and U(φ) those after inner steps of gradient descent on an episode, the step is
φ ← φ + ε (U(φ) - φ), averaged over episodes. Nichol et al. 2018, algorithms 1 and 2,
https://arxiv.org/abs/1803.02999. As they suggest there, φ - U(φ) is given to the optimizer as the
gradient, so ε is the training section's learning rate (exactly so for `optim: sgd`).

Deviations: an episode's head is thrown away after it and begins at class means of its shots, or at
zero; only the body is moved. The inner steps are plain gradient descent, each on other rows of the
episode, in turn and as many of every class; the paper uses Adam. The head that the run keeps is of
class means of all training rows.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from luthier.episodes.options import InnerOptions
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.records import StepInfo

if TYPE_CHECKING:
    from luthier.episodes.learner import Episode


class Reptile(SingleLabelMethod):
    """Move the weights towards where each episode's training ends."""

    name: ClassVar[str] = "reptile"
    Options = InnerOptions
    options: InnerOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train on episodes; the head is made of the class means of all training rows."""
        from luthier.episodes.fitting import fit_on_episodes

        study = partial(move_towards, options=self.options)
        return (
            yield from fit_on_episodes(
                model, job, self.options, study, loss="own", replaces_weights=True
            )
        )


def move_towards(body: Model, episode: Episode, *, options: InnerOptions) -> Any:
    """Give a scalar: the mean loss of the inner steps, its gradient being φ - U(φ)."""
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
