"""Fits the baselines of a recipe: what the fine-tuned model is compared with."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from luthier.data.fingerprint import fingerprint
from luthier.job import Job
from luthier.protocols import Baseline
from luthier.recipe.checks import make_plugin
from luthier.recipe.chosen_baselines import baselines_of, trained_baselines
from luthier.recipe.tree import Recipe
from luthier.records import Outputs, StepInfo
from luthier.remembered import is_remembering, once
from luthier.seeding import seed_of

if TYPE_CHECKING:
    from luthier.training.listeners import Listeners

Of = Mapping[str, Outputs]  # by split


def tell_trained(recipe: Recipe, listeners: Listeners) -> None:
    """Say beforehand which baselines will take as long as the training itself."""
    for baseline in trained_baselines(recipe):
        message = f"{baseline} will be a second training, about as long as the first"
        listeners.tell(f"{message}; --quick leaves it out")


def fit_baselines(recipe: Recipe, job: Job) -> Generator[StepInfo, None, dict[str, Of]]:
    """Fit every baseline of a recipe; each draws from a random stream of its own.

    One that is not trained as the model is may be remembered from another run on the same rows.

    Returns:
        Name of the baseline to its outputs on each scored split.
    """
    from luthier.training.state import seed_all

    outputs: dict[str, Of] = {}
    known = _shared(recipe, job) if is_remembering() else ()
    for plugin in baselines_of(recipe):
        baseline: Baseline = make_plugin("baselines", plugin)
        seed_all(seed_of(recipe.training.seed, "baseline", baseline.name))
        work = baseline.fit(job)
        if known and not getattr(baseline, "trains", False):
            work = once((*known, plugin.model_dump_json()), work)
        outputs[baseline.name] = dict((yield from work))
    return outputs


def _shared(recipe: Recipe, job: Job) -> tuple[str, ...]:
    """Say what the outputs of all baselines depend on, beside their own options."""
    tree = recipe.model_dump(mode="json", include={"model", "task", "data"})
    tree["model"].pop("pooling")  # of the fine-tuned model's head
    rows = [fingerprint(rows) for rows in dict(job.problem.splits.items()).values()]
    about = [tree, recipe.training.seed]
    return ("baseline", json.dumps(about, sort_keys=True), *rows)
