"""The weights that a run kept on its way (`training.save_total_limit`), as models.

Each checkpoint is resumed as an interrupted training would be, and stopped before its next step: so
whatever a method or a speed-up does to a model before and after training is done here too. The best
weights so far, which a training falls back on at its end, are left out: what is asked for are those
of the step, or their average where `ema` keeps one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from luthier.build_problem import describe_data, prepare
from luthier.errors import RunError
from luthier.hf_types import Model
from luthier.job import Job, Regulariser
from luthier.models.rescale import rescale
from luthier.pipeline import facts
from luthier.protocols import Method
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Recipe
from luthier.runs import RunFolder, plain
from luthier.runs.checkpoints import Checkpoint, Store, read_checkpoint
from luthier.runs.seals import MANIFEST
from luthier.seeding import seed_of
from luthier.training.listeners import follow
from luthier.training.state import seed_all

BEST = "best."  # begins the file of the best weights so far


class Stopped(Regulariser):
    """Ends a training before its first step."""

    name: ClassVar[str] = "stopped"

    @property
    def ended(self) -> bool:
        """It has ended."""
        return True


def checkpoints_of(run: RunFolder) -> list[Checkpoint]:
    """List the checkpoints that a finished run kept, the oldest first.

    Raises:
        RunError: There are none, or none that can be read back alone.
    """
    store = store_of(run)
    found = [read_checkpoint(store.folder / f"checkpoint-{step}") for step in store.steps()[::-1]]
    asked = "training.save_total_limit=5 training.save_strategy=epoch"
    if not found:
        raise RunError(
            "This run kept no weights on its way that could be averaged.",
            received=str(run.path),
            hint=f"luthier run RECIPE {asked}; or several runs: luthier seeds RECIPE --keep-models",
        )
    if any(found[0].path.glob("slices.*")) or run.recipe().adaptation is not None:
        raise RunError(
            "The weights that this run kept cannot be read back alone: they are sharded, or of a "
            "model that learned the texts of its adaptation first.",
            received=str(run.path),
            hint=f"training.sharding=none and no adaptation, with {asked}",
        )
    return found


def store_of(run: RunFolder) -> Store:
    """Open the checkpoints of a run's fine-tuning."""
    return run.checkpoints("fine-tuning")


def kept_models(
    run: RunFolder, checkpoints: list[Checkpoint], data: Mapping[str, Any] | None
) -> Iterator[tuple[str, Model]]:
    """Make a model of each checkpoint of a run, one after another.

    Args:
        run: The finished run.
        checkpoints: Its checkpoints.
        data: Split to rows in memory, where the run was given such.

    Yields:
        The checkpoint's folder, and its model.
    """
    recipe = run.recipe()
    prepared = prepare(recipe, make_plugin("tasks", recipe.task), data)
    stopped = (*prepared.job.plan.regularisers, Stopped())
    job, described = prepared.job.with_plan(regularisers=stopped), plain(describe_data(prepared))
    for one in checkpoints:
        with TemporaryDirectory(dir=run.path.parent, prefix=".soup-") as around:
            place = copied(run, one, Path(around))
            yield str(one.path), model_at(recipe, job, place, described)


def copied(run: RunFolder, checkpoint: Checkpoint, place: Path) -> RunFolder:
    """Make a run folder that goes on from a checkpoint, without the best weights before it."""
    for file in run.path.glob("*.json"):
        shutil.copy(file, place)

    def fill(folder: Path) -> None:
        for file in checkpoint.path.iterdir():
            if file.name != MANIFEST and not file.name.startswith(BEST):
                shutil.copy(file, folder)

    made = RunFolder(place)
    store_of(made).write(checkpoint.step, fill, about=checkpoint.about)
    return made


def model_at(recipe: Recipe, job: Job, place: RunFolder, described: Mapping[str, Any]) -> Model:
    """Resume a checkpoint, stop there, and read back what the run would have saved."""
    method: Method = make_plugin("methods", recipe.method)
    model = job.session.make_model(True)
    own = job.with_session(run=place, held_to=facts(model, job, described))
    seed_all(seed_of(recipe.training.seed, "method"))
    model = follow(method.fit(model, own), lambda info: None)
    target = job.problem.codec.target
    rescale(model, mean=target.mean, scale=target.scale)
    method.save(model, job.problem.codec.processor, place.model)
    found, _ = method.load(place.model)
    return found
