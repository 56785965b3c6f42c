"""`distillation`: a small model learns from the labels and from a larger model's outputs.

The teacher is a finished run of the same task. What it says of the training rows, read by its own
tokenizer and without dropout, is computed once and stands beside the labels from then on:

    L = (1 - alpha) L_labels + alpha T² KL(softmax(teacher / T) ‖ softmax(student / T))

Hinton, Vinyals and Dean 2015, section 2, https://arxiv.org/abs/1503.02531. Several labels of one
row are each a yes or a no; numbers are compared by their squared difference, without T. With
`hidden_states` the student's last states, through a linear map that is learned and then thrown
away, shall also come close to the teacher's: FitNets, Romero et al. 2014, section 2.2,
https://arxiv.org/abs/1412.6550; TinyBERT, Jiao et al. 2019, section 3.1,
https://arxiv.org/abs/1909.10351.

Deviations: the share of the teacher is `alpha`, the paper has two weights; the states of the last
layer alone are compared, averaged over tokens (tokenizers may differ) and each feature of the
teacher's at unit spread; TinyBERT compares every layer and the attention as well. The loss itself
is in `training/distillation_loss.py`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from luthier.data.fingerprint import fingerprint
from luthier.errors import RecipeError, RunError
from luthier.hf_types import Model
from luthier.items import ItemField, Items
from luthier.job import Job
from luthier.models.plain_checkpoint import PlainCheckpoint
from luthier.objective import Objective, Teaching
from luthier.ragged import Array
from luthier.recipe.checks import make_options
from luthier.recipe.tree import Plugin, Section
from luthier.records import StepInfo, Target
from luthier.registry import find
from luthier.runs import RunFolder
from luthier.seeding import seed_of
from luthier.task_types.bind import codec_of


class DistillationOptions(Section):
    """From whom to learn, and how much."""

    teacher: str | None = Field(
        None, description="Folder of the finished run whose model is the teacher; needed."
    )
    temperature: float = Field(
        2.0, gt=0, description="Outputs are divided by it: higher shows more of unlikely labels."
    )
    alpha: float = Field(
        0.5, ge=0, le=1, description="Share of the teacher in the loss; the rest is the labels'."
    )
    hidden_states: bool = Field(
        False, description="Learn the teacher's last states too, through a learned linear map."
    )


class Distillation(PlainCheckpoint):
    """Train a smaller model on the labels and on a finished run's outputs."""

    name: ClassVar[str] = "distillation"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options = DistillationOptions
    options: DistillationOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Have the teacher read the training rows once, then train the student."""
        import torch

        from luthier.models.with_hidden_states import WithStates
        from luthier.training.loop import train

        options = self.options
        teacher = open_teacher(options.teacher, job)
        if (doubt := doubt_of(teacher, job)) is not None:
            yield StepInfo("opening the teacher", 1, 1, message=doubt)
        outputs, states = yield from teach(teacher, job, with_states=options.hidden_states)
        del teacher  # its memory is the student's now
        items = job.problem.items["train"]
        answers = columns_of(items)
        taught = np.concatenate([outputs, states], axis=1)[items.rows]
        teaching = Teaching(
            hard=job.plan.objective,
            n_answers=answers.shape[1],
            n_outputs=outputs.shape[1],
            temperature=options.temperature,
            alpha=options.alpha,
        )
        targets = ItemField(np.concatenate([answers, taught], axis=1).astype(np.float32))
        taught_items = {**job.problem.items, "train": replace(items, targets=targets)}
        of_student = job.with_problem(items=taught_items).with_plan(
            objective=Objective(self.name, teaching=teaching)
        )
        if not options.hidden_states:
            return (yield from train(model, of_student))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(
                seed_of(job.plan.training.seed, self.name)
            )  # the map begins at random
            watched = WithStates(model, states.shape[1])
        yield from train(watched, of_student)
        return model.eval()


@dataclass(frozen=True)
class Teacher:
    """A finished run, as far as it is needed to ask its model.

    Args:
        folder: Folder of the run.
        codec: Its task, bound to its own target and tokenizer.
        model: Its model, ready to predict.
    """

    folder: RunFolder
    codec: Any
    model: Model


def open_teacher(path: str | None, job: Job) -> Teacher:
    """Open the run of a teacher.

    Raises:
        RecipeError: None is named.
        RunError: It is no run, did not finish, or learned something else.
    """
    if path is None:
        raise RecipeError(
            "Distillation needs a teacher: the folder of a finished run.",
            received="no method.options.teacher",
            hint="method.options.teacher=runs/NAME, made by the same recipe on a larger model",
        )
    folder = RunFolder.open(path).require_finished()
    recipe, target = folder.recipe(), folder.target()
    if recipe.task.name != job.problem.codec.task.name:
        raise RunError(
            "The teacher learned another task.",
            received=f"{path}: {recipe.task.name}, not {job.problem.codec.task.name}",
            hint=f"a run of {job.problem.codec.task.name}",
        )
    if sorted(target.names) != sorted(job.problem.codec.target.names):
        raise RunError(
            "The teacher knows other labels than the training rows have.",
            received=f"{path}: {differing(target.names, job.problem.codec.target.names)}",
            hint="a teacher trained on rows with the same labels",
        )
    model, processor = make("methods", recipe.method).load(folder.model)
    codec = codec_of(recipe, make("tasks", recipe.task), target, processor, model.config)
    return Teacher(folder, codec, model)


def doubt_of(teacher: Teacher, job: Job) -> str | None:
    """Say if the teacher was not judged on the student's test rows: it may have learned them."""
    splits = (teacher.folder.read_json("data") or {}).get("splits", {})
    if splits.get("test", {}).get("sha256") == fingerprint(job.problem.splits.test):
        return None
    return (
        "The teacher was judged on other test rows than the student is: if it learned from some of "
        "these, the student's scores are too good. The same data section and seed avoid it."
    )


def make(kind: str, plugin: Plugin) -> Any:
    """Make a plug-in of the teacher's recipe."""
    found = find(kind, plugin.name)
    return found(make_options(found, plugin.options))


def differing(known: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Say which labels only one of two has, the first few of each."""
    sides = [("only the teacher has", known, wanted), ("the teacher lacks", wanted, known)]
    told = []
    for words, ours, theirs in sides:
        alone = [name for name in ours if name not in theirs]
        if alone:
            told.append(f"{words} {', '.join(alone[:5])}{' …' if len(alone) > 5 else ''}")
    return "; ".join(told)


def teach(
    teacher: Teacher, job: Job, *, with_states: bool
) -> Generator[StepInfo, None, tuple[Array, Array]]:
    """Ask the teacher about every training row, once.

    Returns:
        Its outputs in the order and the unit of the job's target, (rows, outputs), and its states,
        (rows, width), each feature at unit spread; of width 0 unless they are wanted.
    """
    from luthier.frozen_features.teacher_outputs import ask

    rows = job.problem.splits.train
    outputs, states = yield from ask(
        teacher.model,
        teacher.codec.encode(rows),
        rows,
        teacher.codec,
        settings=job.plan.training,
        n_states=teacher.model.config.hidden_size if with_states else 0,
    )
    return as_in(job.problem.codec.target, outputs, teacher.codec.target), states


def as_in(target: Target, outputs: Array, known: Target) -> Array:
    """Bring a teacher's outputs (rows, outputs) into a target's order of labels, or its unit."""
    if target.kind == "number":
        return (outputs * known.scale + known.mean - target.mean) / target.scale
    return outputs[:, [known.names.index(name) for name in target.names]]


def columns_of(items: Items) -> Array:
    """Return gold answers, item by item, as columns (items, answers)."""
    answers = items.target_array
    return answers.reshape(len(answers), -1)
