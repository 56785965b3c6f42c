"""`head-first`: trains the weights that the checkpoint lacks, then all of them.

A new head has random weights, and the gradients that it sends down distort what the model knows.
So the head is trained first, below it everything frozen. Kumar et al. 2022 (LP-FT), section 3.4,
https://arxiv.org/abs/2202.10054. Where the checkpoint lacks nothing, all is trained at once.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from luthier.hf_types import Model
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.recipe.tree import Section
from luthier.records import StepInfo

ALONE = {
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 10,
    "eval_strategy": "no",
    "early_stopping_patience": None,
}


class HeadFirstOptions(Section):
    """How the head is trained alone."""

    head_steps: int = Field(200, ge=1, description="Steps of the head alone, at most.")
    until_loss: float = Field(
        0.0, ge=0, description="Mean training loss of ten steps from which all is trained."
    )
    head_learning_rate: float = Field(1e-3, gt=0, description="Learning rate of the head alone.")


class HeadFirst(PlainCheckpoint):
    """Train the head alone, until its loss is low enough, and then every weight."""

    name: ClassVar[str] = "head-first"
    reads_anew: ClassVar[bool] = True
    Options = HeadFirstOptions
    options: HeadFirstOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train the model in place."""
        from luthier.models.structure import new_weights
        from luthier.training.loop import train

        new = new_weights(model)
        trained = [one for one in model.parameters() if one.requires_grad]
        if any(id(one) in new for one in trained):
            for one in trained:
                one.requires_grad_(id(one) in new)
            yield from self._fit_head(model, job)
            for one in trained:
                one.requires_grad_(True)
        return (yield from train(model, job))

    def _fit_head(self, model: Model, job: Job) -> Generator[StepInfo, None, None]:
        """Train what is not frozen, and say how long that took."""
        from luthier.training.hooks import UntilLoss
        from luthier.training.loop import train
        from luthier.training.predict import validation_outputs

        phase = f"{job.session.phase}: head"
        until = UntilLoss(self.options.until_loss)
        changes = {
            **ALONE,
            "max_steps": self.options.head_steps,
            "learning_rate": self.options.head_learning_rate,
        }
        alone = job.with_session(phase=phase).with_plan(
            training=job.plan.training.model_copy(update=changes), regularisers=(until,)
        )
        for info in train(model, alone):  # each is told at once: a checkpoint keeps what was told
            is_last = info.rows > 0 and (info.step == info.n_steps or until.ended)
            if not is_last:
                yield info
                continue
            message = (
                f"The checkpoint lacks the weights of this head: they were trained first, "
                f"{info.step} steps with the rest frozen, to a training loss of {until.mean:.2f}."
            )
            scores = None
            if len(job.problem.items["validation"]) > 0:
                scores = job.problem.validation_scores(validation_outputs(model, job))
            message = " ".join(filter(None, (info.message, message)))
            yield replace(info, message=message, is_lasting=True, scores=scores)
