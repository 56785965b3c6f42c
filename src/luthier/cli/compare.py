"""`luthier compare`: runs side by side on the same test rows. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.tables import JsonOption, LayoutOption, chosen
from luthier.errors import RunError

CONFIDENCE = 0.95


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Two or more run folders.", metavar="RUN")],
    metric: Annotated[
        str | None, typer.Option(help="Metric to compare; default: the task's main metric.")
    ] = None,
    layout: LayoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare runs on the same test rows."""
    asked = chosen(layout, as_json=as_json)
    if len(folders) < 2:
        raise RunError(
            "Expected at least two runs to compare.",
            received=str(folders[0]),
            hint=f"luthier compare {folders[0]} ANOTHER_RUN",
        )
    from luthier.cli.show import show_comparison
    from luthier.evaluation.compare_runs import compare as compare_runs

    compared = compare_runs(folders, metric=metric, confidence=CONFIDENCE)
    show_comparison(compared, confidence=CONFIDENCE, layout=asked)
