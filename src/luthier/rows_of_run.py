"""The rows of a finished run, read once more and held to what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.data.fingerprint import fingerprint
from luthier.errors import RunError
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Splits
from luthier.runs import RunFolder

IN_MEMORY = "memory:"  # begins the source of rows that were given to `luthier.run`


def rows_of_run(
    folder: RunFolder, recipe: Recipe, task: Task, given: Mapping[str, Any] | None = None
) -> Splits:
    """Read and split a run's rows again.

    Args:
        folder: The finished run.
        recipe: Its recipe.
        task: Its task.
        given: Split to rows in memory, where the run was given such.

    Raises:
        RunError: They were in memory, or are not as they were.
        DataError: A file is gone or cannot be read.
    """
    sources = {"train": recipe.data.train, "test": recipe.data.test}
    for split, source in sources.items():
        is_absent = split not in (given or {})
        if is_absent and isinstance(source, str) and source.startswith(IN_MEMORY):
            raise RunError(
                "The rows of this run were in memory, and it keeps no copy of them.",
                received=f"data.{split}={source}",
                hint="write the rows to files and run the recipe on these; other rows: --file FILE",
            )
    splits = check_data(recipe, task, given, inspecting=False).splits
    before = folder.read_json("data")["splits"]
    for split, rows in splits.items():
        if fingerprint(rows) != before[split]["sha256"]:
            raise RunError(
                f"The {split} rows are no longer those of the run.",
                received=f"{len(rows):,} rows of {', '.join(rows.files[:3])}, changed since then",
                hint="restore the file, or run the recipe again",
            )
    return splits
