"""The answers of a finished run to rows that something else than a prediction needs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Training
from luthier.records import Predictions, Rows, StepInfo
from luthier.runs import RunFolder
from luthier.task_types.bind import codec_of


def answers_of_run(
    folder: RunFolder, rows: Rows, training: Training, *, phase: str
) -> Generator[StepInfo, None, Predictions]:
    """Let the model of a run answer rows.

    Args:
        folder: The finished run.
        rows: The rows, with the columns that its task reads; their answers are not read.
        training: Says on which device, and in batches of how many rows.
        phase: Name of the work in progress reports.
    """
    from luthier.training.devices import make_accelerator
    from luthier.training.predict import infer_rows

    recipe = folder.recipe()
    model, processor = make_plugin("methods", recipe.method).load(folder.model)
    task = make_plugin("tasks", recipe.task)
    codec: Any = codec_of(recipe, task, folder.target(), processor, model.config)
    read, _ = task.normalize(Rows.of({role: rows[role] for role in task.input_roles}))
    outputs = yield from infer_rows(
        model.to(make_accelerator(training).device),
        codec.encode(read),
        read,
        codec,
        batch_size=training.per_device_eval_batch_size,
        kinds=codec.inference_kinds(answering=True),
        phase=phase,
    )
    answers: Predictions = codec.decode(outputs)
    return answers
