"""The learning rates of a finished run, summed over its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from luthier.errors import RunError
from luthier.recipe.checks import make_plugin
from luthier.runs import RunFolder

PHASE = "fine-tuning"


def sum_of_rates(folder: RunFolder) -> float:
    """Sum the learning rates of the steps that led to the weights that the run kept.

    The rates of steps between two log lines lie between theirs, on a straight line. Where the run
    kept the weights of its best evaluation, later steps do not count.

    Raises:
        RunError: The run's head was not trained by steps.
    """
    recipe = folder.recipe()
    method = make_plugin("methods", recipe.method)
    events = [one for one in folder.events.read() if one.get("phase") == PHASE]
    rates = {int(one["step"]): float(one["learning_rate"]) for one in events if _has_rate(one)}
    by_steps = getattr(method, "head_by_gradient", getattr(method, "by_gradient", True))
    if not rates or not by_steps:
        raise RunError(
            "No step of this run moved its head, so no row has an influence to trace.",
            received=f"method={method.name}, which fits the head in closed form",
            hint="--neighbours 5, which needs no steps",
        )
    last = max(rates)
    if recipe.training.load_best_model_at_end:
        last = max((int(one["step"]) for one in events if one.get("is_best")), default=last)
    steps = np.arange(1, last + 1)
    return float(np.interp(steps, sorted(rates), [rates[step] for step in sorted(rates)]).sum())


def _has_rate(event: Mapping[str, Any]) -> bool:
    return event.get("learning_rate") is not None and int(event["step"]) > 0
