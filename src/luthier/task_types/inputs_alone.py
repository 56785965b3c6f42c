"""Models that are each given one input of a row: what inputs tell by themselves.

The baselines `each-alone` and `average` share them, so they are trained once.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any
from weakref import ref

import numpy as np

from luthier.columns import PRESENT
from luthier.items import ItemField, Items
from luthier.job import Job, Problem
from luthier.records import Outputs, StepInfo

Alone = dict[str, dict[str, Outputs]]  # role -> split -> outputs
_last: list[tuple[ref[Problem], Alone]] = []  # of the run that is judged, whose rows may go


def outputs_alone(job: Job, name: str) -> Generator[StepInfo, None, Alone]:
    """Train a model for each input as the recipe trains all of them, the other inputs left out.

    Args:
        job: The job; its items are those of several inputs.
        name: Of the baseline, for progress reports.

    Returns:
        Role to the outputs of its model for every scored split.
    """
    from luthier.training.loop import train
    from luthier.training.predict import predict

    if _last and _last[0][0]() is job.problem:
        return _last[0][1]
    roles = list(job.problem.codec.task.options.inputs)
    found: Alone = {}
    for role in roles:
        phase = f"baseline {name}, {role}"
        items = {
            split: only(items, roles.index(role)) for split, items in job.problem.items.items()
        }
        alone = job.with_problem(items=items).with_session(phase=phase)
        model = yield from train(alone.session.make_model(True), alone)
        found[role] = {}
        for split in job.problem.scored_splits:
            said = yield from predict(model, alone, split, phase=f"{phase}: {split}")
            found[role][split] = said
    _last[:] = [(ref(job.problem), found)]
    return found


def only(items: Items, place: int) -> Items:
    """Leave all inputs of rows out but the one at a place."""
    values: Any = items.inputs[PRESENT].values
    present = np.zeros_like(values)
    present[:, place] = values[:, place]
    inputs: Mapping[str, ItemField] = {**items.inputs, PRESENT: ItemField(present)}
    return replace(items, inputs=inputs)
