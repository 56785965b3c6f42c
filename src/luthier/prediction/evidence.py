"""The training rows of a predictor's run, to explain its answers by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from luthier.errors import RunError
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder

if TYPE_CHECKING:
    from luthier.explaining.with_training_rows import Evidence
    from luthier.prediction.predictor import Predictor
    from luthier.records import StepInfo


def evidence_of(
    predictor: Predictor, on_reading: Callable[[int, int], None] | None = None
) -> Evidence:
    """Read a run's training rows again, as evidence for its answers.

    Args:
        predictor: The run's model.
        on_reading: Is told how many training rows, or windows of them, the model has read, and how
            many there are.

    Raises:
        RunError: The model has no run beside it, or the rows are not at hand as they were.
        DataError: A file is gone, or the task judges no whole texts.
    """
    from luthier.explaining.training_rows import refuse_other_tasks
    from luthier.explaining.with_training_rows import Evidence

    folder = predictor.folder
    if not isinstance(folder, RunFolder):
        raise RunError(
            "This is a model without its run, and so without its training rows.",
            received="--neighbours or --influence",
            hint="the folder of the run, whose recipe names the rows",
        )
    refuse_other_tasks(predictor.codec)
    rows = rows_of_run(folder, folder.recipe(), predictor.task).train
    n_read = 0

    def listen(info: StepInfo) -> None:
        nonlocal n_read
        n_read += info.rows
        if on_reading is not None:
            on_reading(n_read, max(n_read, len(rows)))

    return Evidence(folder, predictor.model, predictor.codec, rows, listen)
