"""`self-training`: learns from rows without labels, too, by what a model trained on labels says.

    labelled rows ─► teacher ─► its sure answers to unlabelled rows, as soft labels
                  ─► a student, from the pre-trained weights, on both ─► the next teacher …

Round 0 trains the base method on the labelled rows alone, exactly as it would without this one; its
answers to the test rows are judged beside those of the model that is kept. In each further round
the best model so far answers the unlabelled rows, with probabilities calibrated on the validation
rows; the surest are learned, up to a quota for each class (`training/pseudo_labels.py`). The first
round whose validation score falls is the last, and the best round is kept. Lee 2013, "Pseudo-label"
(http://deeplearning.net/wp-content/uploads/2013/03/pseudo_label_final.pdf), with soft labels as Xie
et al. 2020, section 2, https://arxiv.org/abs/1911.04252, but without their noise.

Deviations: the weight of pseudo-labels rises over the rounds, not over the steps; labelled rows are
repeated until they are half of every epoch, since losses are means over batches and a few among
thousands would hardly count.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from luthier.errors import RecipeError
from luthier.hf_types import Model, Tokenizer
from luthier.items import ItemField
from luthier.job import Job
from luthier.metrics.names import as_points, lower_is_better, title
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin, Section
from luthier.records import Outputs, Rows, StepInfo
from luthier.registry import find, names
from luthier.seeding import seed_of

ALONE = "labelled-rows-alone"


def _trains_rounds(name: str) -> str:
    """Accept a method whose steps take the targets that there are."""
    able = [
        one
        for one in names("methods")
        if getattr(find("methods", one), "learns_soft_labels", False)
    ]
    if name not in able:
        raise ValueError(f"'{name}' cannot train the rounds; one of: {', '.join(able)}")
    return name


class SelfTrainingOptions(Section):
    """The method of each round, and which answers it learns from."""

    base: Annotated[str, AfterValidator(_trains_rounds)] = Field(
        "full", description="Method that trains each round: full, lora …"
    )
    base_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of that method."
    )
    rounds: int = Field(2, ge=1, le=10, description="Rounds with unlabelled rows, at most.")
    threshold: float = Field(
        0.9, ge=0, lt=1, description="Least calibrated probability of an answer that is learned."
    )
    weight: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Weight of a pseudo-labelled row in the last round; less before.",
    )


class SelfTraining(PlainCheckpoint):
    """Train on labelled rows and on a model's own sure answers to unlabelled ones."""

    name: ClassVar[str] = "self-training"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label"})
    reads_unlabelled: ClassVar[bool] = True
    gains_over: ClassVar[Mapping[str, str]] = {ALONE: "The unlabelled rows"}
    Options = SelfTrainingOptions
    options: SelfTrainingOptions

    def __init__(self, options: SelfTrainingOptions):
        super().__init__(options)
        self.base = make_plugin("methods", Plugin(name=options.base, options=options.base_options))

    def save(self, model: Model, processor: Tokenizer | None, folder: Path) -> None:
        """Write the model as the base method does."""
        self.base.save(model, processor, folder)

    def load(self, folder: Path) -> tuple[Model, Tokenizer | None]:
        """Load what the base method wrote."""
        found: tuple[Model, Tokenizer | None] = self.base.load(folder)
        return found

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Train on the labelled rows, then round by round on unlabelled ones as well."""
        from luthier.training.predict import predict
        from luthier.training.state import seed_all

        unlabelled = refuse_without(job)
        seed, watch = job.plan.training.seed, Watch(job)
        best: Model = yield from self.base.fit(model, job)
        alone: dict[str, Outputs] = {}
        for split in job.problem.scored_splits:
            alone[split] = yield from predict(best, job, split, phase=f"predicting {split} alone")
        self.beside = {ALONE: alone}
        watch.see(best)
        for number in range(1, (self.options.rounds if watch.can_judge else 1) + 1):
            pseudo = yield from self.label(best, watch.outputs, unlabelled, job, number)
            yield lasting(f"pseudo-labels of round {number}", pseudo.story)
            if len(pseudo.rows) == 0:
                break
            seed_all(seed_of(seed, self.name, number))
            student = yield from self.base.fit(
                job.session.make_model(True), self.round(job, pseudo, number)
            )
            if watch.see(student):
                best = student
            elif watch.falls:
                break
        yield lasting("rounds of self-training", watch.story())
        return best

    def label(
        self, teacher: Model, outputs: Outputs, unlabelled: Rows, job: Job, number: int
    ) -> Generator[StepInfo, None, Pseudo]:
        """Let the teacher answer the unlabelled rows, and choose what is learned.

        Args:
            teacher: The best model so far.
            outputs: Its outputs for the validation rows, by which it is calibrated.
            unlabelled: The rows.
            job: The labelled rows, and the codec.
            number: Of the round.
        """
        from luthier.training.predict import infer_rows
        from luthier.training.pseudo_labels import (
            choose,
            classes_of,
            confidence_of,
            probabilities,
            temperature_of,
        )

        codec, kind = job.problem.codec, job.problem.codec.target.kind
        temperature = 1.0
        if outputs is not None:
            temperature = temperature_of(outputs, job.problem.gold["validation"], kind=kind)
        said = yield from infer_rows(
            teacher,
            codec.encode(unlabelled),
            unlabelled,
            codec,
            batch_size=job.plan.training.per_device_eval_batch_size,
            kinds=("logits",),
            phase=f"asking the teacher of round {number}",
        )
        shares = probabilities(said, temperature, kind=kind)
        known = indicators_of(job)
        counts = known.sum(axis=0)
        prior = np.bincount(
            classes_of(known, kind=kind, counts=counts), minlength=known.shape[1] + 1
        )
        classes = classes_of(shares, kind=kind, counts=counts)
        sure = confidence_of(shares, kind=kind)
        chosen = choose(sure, classes, prior, self.options.threshold)
        of_class = np.bincount(classes[chosen], minlength=known.shape[1] + 1)
        labels = [*codec.target.names, "no label"]
        shown = ", ".join(f"{n} {name}" for name, n in zip(labels, of_class, strict=True) if n)
        story = (
            f"Self-training, round {number}: {len(chosen):,} of {len(unlabelled):,} unlabelled "
            f"rows were answered with a probability of {self.options.threshold:g} or more "
            f"(calibrated, temperature {temperature:.2f}) and within the quota of their class"
        )
        story += f": {shown}." if len(chosen) else f"; the surest has {sure.max():.2f}."
        return Pseudo(unlabelled.take(chosen), shares[chosen], story)

    def round(self, job: Job, pseudo: Pseudo, number: int) -> Job:
        """Make the job of a round: labelled rows repeated, then pseudo-labelled ones."""
        codec, train = job.problem.codec, job.problem.splits.train
        n_copies = max(1, round(len(pseudo.rows) / len(train)))
        copies = np.tile(np.arange(len(train)), n_copies)
        columns = {
            role: [*train.take(copies)[role], *pseudo.rows[role]] for role in codec.task.input_roles
        }
        targets = np.concatenate([indicators_of(job)[copies], pseudo.shares])
        weight = self.options.weight * number / self.options.rounds
        weights = np.full(len(targets), weight, dtype=np.float32)
        weights[: len(copies)] = 1.0
        made = codec.encode(Rows.of(columns), training=True)
        items = replace(made, targets=ItemField(targets[made.rows]), weights=weights[made.rows])
        settings = job.plan.training
        if settings.max_steps <= 0:
            same = settings.num_train_epochs * len(job.problem.items["train"]) / len(items)
            settings = settings.model_copy(update={"num_train_epochs": max(1.0, same)})
        return (
            job.with_problem(items={**job.problem.items, "train": items})
            .with_session(phase=f"self-training round {number}")
            .with_plan(training=settings)
        )


class Watch:
    """Watches the validation score from round to round.

    Args:
        job: The job, whose validation rows may be none; then the last round is the best.
    """

    def __init__(self, job: Job):
        problem = job.problem
        self.job, self.n_rows = job, len(problem.splits.validation)
        self.metric = (
            job.plan.training.metric_for_best_model or problem.codec.task.validation_metric
        )
        self.sign = -1.0 if lower_is_better(self.metric) else 1.0
        self.scores: list[float] = []
        self.kept = 0
        self.outputs: Outputs = None

    @property
    def can_judge(self) -> bool:
        """Whether there are validation rows."""
        return self.n_rows > 0

    @property
    def falls(self) -> bool:
        """Whether the last score is below the best."""
        return self.can_judge and self.sign * (self.scores[-1] - self.scores[self.kept]) < 0

    def see(self, model: Model) -> bool:
        """Score the model of a round; return whether it is the best so far."""
        from luthier.training.predict import validation_outputs

        if not self.can_judge:
            self.scores.append(0.0)
            return True
        outputs = validation_outputs(model, self.job)
        self.scores.append(self.job.problem.validation_scores(outputs)[self.metric])
        if len(self.scores) > 1 and not self.sign * (self.scores[-1] - self.scores[self.kept]) > 0:
            return False
        self.kept, self.outputs = len(self.scores) - 1, outputs
        return True

    def story(self) -> str:
        """Say how the rounds went on the validation rows, and which was kept."""
        if not self.can_judge:
            return (
                "Self-training had no validation rows: nothing calibrated the answers, one round "
                f"was trained, and nothing stopped it. The test rows compare it with '{ALONE}'."
            )
        factor, unit = (100, " %") if as_points(self.metric) else (1, "")
        went = ", ".join(f"{factor * one:.1f}{unit}" for one in self.scores)
        what = f"round {self.kept} was kept"
        if self.kept == 0:
            what = "none did better there, and the model of the labelled rows alone is kept"
        return (
            f"Self-training: {title(self.metric)} on {self.n_rows} validation rows was {went} "
            f"(labelled rows alone, then round by round); {what}. The test rows compare it with "
            f"'{ALONE}'."
        )


def lasting(phase: str, message: str) -> StepInfo:
    """Tell what the report repeats."""
    return StepInfo(phase, 1, 1, message=message, is_lasting=True)


@dataclass(frozen=True)
class Pseudo:
    """Unlabelled rows with a teacher's answers.

    Args:
        rows: The rows that are learned from.
        shares: Their probabilities, (rows, labels).
        story: How they were chosen.
    """

    rows: Rows
    shares: Array
    story: str


def refuse_without(job: Job) -> Rows:
    """Return the unlabelled rows.

    Raises:
        RecipeError: There are none.
    """
    unlabelled = job.problem.unlabelled
    if unlabelled is None:
        raise RecipeError(
            "Self-training learns from unlabelled rows, too, and there are none.",
            received="no data.unlabelled",
            hint="data.unlabelled=FILE, whose columns are named as those of data.train",
        )
    return unlabelled


def indicators_of(job: Job) -> Array:
    """Return the labels of the training rows as indicators in float32, (rows, labels)."""
    gold, n_labels = job.problem.gold["train"], job.problem.codec.target.n_outputs
    if np.ndim(gold) == 2:
        return np.asarray(gold, dtype=np.float32)
    indicators: Array = np.eye(n_labels, dtype=np.float32)[np.asarray(gold)]
    return indicators
