"""`maml`: find weights from which a few steps of gradient descent learn new classes.

In each episode, steps on its support rows change body and head; the loss of its queries after
these steps is differentiated through them, second derivatives included, with respect to the weights
before them. Finn et al. 2017, sections 2.2 and 3.1, https://arxiv.org/abs/1703.03400. `first_order`
leaves the second derivatives out (their section 5.2). `anil` has the inner steps change the head
alone: Raghu et al. 2020, section 4, https://arxiv.org/abs/1909.09157.

Deviations: an episode's head is no learned weight, since its classes have no order; it begins at
class means of the support, and the gradient goes through these too (Proto-MAML, Triantafillou et
al. 2020, https://arxiv.org/abs/1903.03096), or at zero. Dropout is off in episodes, so
that inner and outer steps speak of one function. The head that the run keeps is of class means of
all training rows; `luthier.episodes.adaptation.adapt` takes inner steps on new classes.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from luthier.episodes.options import InnerOptions
from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import SingleLabelMethod
from luthier.records import StepInfo

if TYPE_CHECKING:
    from luthier.episodes.learner import Episode


class MamlOptions(InnerOptions):
    """The inner steps, and how they are differentiated."""

    first_order: bool = Field(
        False, description="Leave second derivatives out: less exact, faster."
    )
    anil: bool = Field(False, description="The inner steps change the head alone.")


class Maml(SingleLabelMethod):
    """Train weights that learn new classes in a few steps."""

    name: ClassVar[str] = "maml"
    Options = MamlOptions
    options: MamlOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train on episodes; the head is made of the class means of all training rows."""
        from luthier.episodes.fitting import fit_on_episodes

        study = partial(judge_after_steps, options=self.options)
        return (
            yield from fit_on_episodes(
                model, job, self.options, study, replaces_weights=not self.options.anil
            )
        )


def judge_after_steps(body: Model, episode: Episode, *, options: MamlOptions) -> Any:
    """Give logits of an episode's queries after inner steps on its support, (queries, ways)."""
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
    if options.anil:  # the body stands still: its features need computing once
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
