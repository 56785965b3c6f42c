"""`maml`: learns initial weights from which a few gradient steps learn new classes.

In each episode, inner steps on its support rows change body and head; the loss of its queries after
these steps is differentiated through them, with second derivatives, with respect to the initial
weights. Finn et al. 2017, sections 2.2 and 3.1, https://arxiv.org/abs/1703.03400. `first_order`
omits second derivatives (their section 5.2). With `anil`, inner steps change only the head: Raghu
et al. 2020, section 4, https://arxiv.org/abs/1909.09157.

Deviations: an episode's head is not learned, since its classes have no order; it starts at class
means of the support rows, and the gradient goes through these too (Proto-MAML, Triantafillou et
al. 2020, https://arxiv.org/abs/1903.03096), or at zero. Dropout is off in episodes, so
that inner and outer steps use the same function. The saved head has the class means of all training
rows; `luthier.episodes.adaptation.adapt` takes inner steps on new classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from luthier.episodes.method import EpisodicMethod
from luthier.episodes.options import InnerOptions

if TYPE_CHECKING:
    from torch import Tensor

    from luthier.episodes.learner import Episode
    from luthier.models.heads import PooledClassifier


class MamlOptions(InnerOptions):
    """The inner steps, and their derivatives."""

    first_order: bool = Field(False, description="Omit second derivatives: less exact, faster.")
    anil: bool = Field(False, description="Inner steps change only the head.")


class Maml(EpisodicMethod):
    """Learn initial weights from which a few steps learn new classes."""

    name: ClassVar[str] = "maml"
    Options = MamlOptions
    options: MamlOptions

    @property
    def replaces_weights(self) -> bool:
        """Whether inner steps change the weights of the body."""
        return not self.options.anil

    def study(self, body: PooledClassifier, episode: Episode) -> Tensor:
        """Compute logits of the queries after inner steps."""
        return judge_after_steps(body, episode, options=self.options)


def judge_after_steps(body: PooledClassifier, episode: Episode, *, options: MamlOptions) -> Tensor:
    """Return logits of an episode's queries after inner steps, (queries, ways)."""
    from luthier.episodes.adaptation import (
        begin_head,
        descend,
        features_by,
        stored_features,
        trained_weights,
    )

    was_training = body.training
    body.eval()  # no dropout
    compute = features_by(body)
    weights = {} if options.anil else trained_weights(body)
    support, classes = episode.support, episode.classes(episode.shape.shots)
    features = compute(weights, support)
    head = begin_head(
        features, classes, episode.shape.ways, begin=options.head, temperature=options.temperature
    )
    steps = [(support, classes)] * options.inner_steps
    if options.anil:  # the body is fixed, so its features are computed once
        steps = [({"features": features}, classes)] * options.inner_steps
    weights, head, _ = descend(
        stored_features if options.anil else compute,
        weights,
        head,
        steps,
        rate=options.inner_learning_rate,
        second_order=not options.first_order,
    )
    logits = head(compute(weights, episode.query))
    body.train(was_training)
    return logits
