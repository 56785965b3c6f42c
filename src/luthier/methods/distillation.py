"""`distillation`: trains a small model on the labels and on a larger model's outputs.

The teacher is a finished run of the same task, or a file of its answers. Its outputs for the
training rows, with its own tokenizer and without dropout, are computed once and added to the
labels:

    L = (1 - alpha) L_labels + alpha T² KL(softmax(teacher / T) ‖ softmax(student / T))

Hinton, Vinyals and Dean 2015, section 2, https://arxiv.org/abs/1503.02531. Multiple
labels of a row are treated as independent; numbers are compared by squared difference, without T.
With `hidden_states` the student's last states, through a learned linear map that is discarded
afterwards, are also trained towards the teacher's: FitNets, Romero et al. 2014, section 2.2,
https://arxiv.org/abs/1412.6550; TinyBERT, Jiao et al. 2019, section 3.1,
https://arxiv.org/abs/1909.10351.

Deviations: the share of the teacher is `alpha`, where the paper has two weights; only the states of
the last layer are compared, averaged over tokens (tokenizers may differ), with each feature of the
teacher scaled to unit variance; TinyBERT compares every layer and the attention as well. The loss
itself is in `training/distillation_loss.py`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from luthier.codec import Codec
from luthier.data.fingerprint import fingerprint, row_digests
from luthier.errors import DataError, RecipeError, RunError
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
    """The teacher, and its share in the loss."""

    teacher: str | None = Field(
        None, description="Folder of the finished run whose model is the teacher."
    )
    soft_labels: str | None = Field(
        None,
        description="File of a teacher's answers to the training rows, in place of a teacher; "
        "`luthier folds --distil` writes one.",
    )
    temperature: float = Field(
        2.0, gt=0, description="Divides the outputs; higher values emphasise unlikely labels."
    )
    alpha: float = Field(
        0.5, ge=0, le=1, description="Share of the teacher in the loss; the rest is the labels'."
    )
    hidden_states: bool = Field(
        False, description="Match the teacher's last states too, through a learned linear map."
    )


class Distillation(PlainCheckpoint):
    """Train a smaller model on the labels and on a finished run's outputs."""

    name: ClassVar[str] = "distillation"
    units: ClassVar[frozenset[str]] = frozenset({"sequence"})
    kinds: ClassVar[frozenset[str]] = frozenset({"single-label", "multi-label", "number"})
    Options = DistillationOptions
    options: DistillationOptions

    def fit(self, model: Model, job: Job) -> Generator[StepInfo, None, Model]:
        """Run the teacher on the training rows once, then train the student."""
        import torch

        from luthier.models.identity import digest
        from luthier.models.with_hidden_states import WithStates
        from luthier.training.loop import train

        options = self.options
        if options.soft_labels is not None:
            outputs, told = read_soft_labels(options, job)
            states = outputs[:, :0]
        else:
            teacher = open_teacher(options.teacher, job)
            if (warning := untested_teacher(teacher, job)) is not None:
                yield StepInfo("opening the teacher", 1, 1, message=warning)
            outputs, states = yield from teach(teacher, job, with_states=options.hidden_states)
            told = digest(teacher.model, head=())
            del teacher  # frees its memory for the student
        held_to = {**job.session.held_to, "teacher": told}
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
        of_student = (
            job.with_problem(items=taught_items)
            .with_session(held_to=held_to)
            .with_plan(objective=Objective(self.name, teaching=teaching))
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
    """The model of a finished run.

    Args:
        folder: Folder of the run.
        codec: The run's task, bound to its own target and tokenizer.
        model: The run's model, ready to predict.
    """

    folder: RunFolder
    codec: Codec
    model: Model


def open_teacher(path: str | None, job: Job) -> Teacher:
    """Open the run of a teacher.

    Raises:
        RecipeError: The recipe names no teacher.
        RunError: The folder is no finished run, or its task or labels differ.
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


def read_soft_labels(options: DistillationOptions, job: Job) -> tuple[Array, Any]:
    """Read a teacher's answers to the training rows from a file.

    Returns:
        Outputs in the label order and unit of the job's target, (rows, outputs), and a digest.

    Raises:
        RecipeError: A teacher is named too, or its states are wanted.
        DataError: The file is none of soft labels, has other labels, or lacks a training row.
    """
    if options.teacher is not None or options.hidden_states:
        raise RecipeError(
            "Soft labels of a file take the place of a teacher, and have no states.",
            received="method.options.soft_labels with teacher or hidden_states",
            hint="method.options.soft_labels=null, or no method.options.teacher and hidden_states",
        )
    path, target = Path(str(options.soft_labels)), job.problem.codec.target
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        names, known = tuple(content["names"]), dict(content["outputs"])
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise DataError(
            "This is no file of soft labels.",
            received=f"{path}: {str(problem)[:80]}",
            hint="the soft_labels.json that luthier folds RECIPE --distil writes",
        ) from None
    if sorted(names) != sorted(target.names):
        raise DataError(
            "The soft labels are of other labels than the training rows have.",
            received=f"{path}: {differing(names, target.names)}",
            hint="soft labels made from rows with the same labels",
        )
    rows = job.problem.splits.train
    digests = row_digests(rows, job.problem.codec.task.input_roles)
    missing = [index for index, digest in enumerate(digests) if digest not in known]
    if missing:
        raise DataError(
            f"{len(missing)} of {len(rows)} training rows have no soft labels.",
            received=f"{path} lacks {rows.where(missing[0])}",
            hint="soft labels made from these rows, by luthier folds RECIPE --distil",
        )
    outputs = np.array([known[digest] for digest in digests], dtype=np.float32)
    own = Target(target.kind, names)
    return as_in(target, outputs, own), sha256(text.encode()).hexdigest()


def untested_teacher(teacher: Teacher, job: Job) -> str | None:
    """Return a warning if the teacher has other test rows: it may have trained on these."""
    splits = (teacher.folder.read_json("data") or {}).get("splits", {})
    if splits.get("test", {}).get("sha256") == fingerprint(job.problem.splits.test):
        return None
    return (
        "The teacher has other test rows than the student. If it was trained on some of the "
        "student's test rows, the student's scores are too high. The same data section "
        "avoids this."
    )


def make(kind: str, plugin: Plugin) -> Any:
    """Make a plug-in of the teacher's recipe."""
    found = find(kind, plugin.name)
    return found(make_options(found, plugin.options))


def differing(known: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """List labels that only one side has, the first few of each."""
    sides = [("only the teacher has", known, wanted), ("the teacher lacks", wanted, known)]
    differences = []
    for words, ours, theirs in sides:
        alone = [name for name in ours if name not in theirs]
        if alone:
            differences.append(f"{words} {', '.join(alone[:5])}{' …' if len(alone) > 5 else ''}")
    return "; ".join(differences)


def teach(
    teacher: Teacher, job: Job, *, with_states: bool
) -> Generator[StepInfo, None, tuple[Array, Array]]:
    """Run the teacher on every training row.

    Returns:
        Outputs in the label order and unit of the job's target, (rows, outputs), and states,
        (rows, width), each feature scaled to unit variance; of width 0 without `with_states`.
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
    """Convert a teacher's outputs (rows, outputs) to a target's label order or unit."""
    if target.kind == "number":
        return (outputs * known.scale + known.mean - target.mean) / target.scale
    return outputs[:, [known.names.index(name) for name in target.names]]


def columns_of(items: Items) -> Array:
    """Return the gold answers of items as columns, (items, answers)."""
    answers = items.target_array
    return answers.reshape(len(answers), -1)
