"""`luthier compare`: runs side by side on the same test rows. See `app.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.tables import JsonOption, Layout, LayoutOption, chosen, print_json
from luthier.errors import RunError

CONFIDENCE = 0.95
UNNORMALISED = ("comprehensiveness", "sufficiency")  # of explanations, which differ by model


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Two or more run folders.", metavar="RUN")],
    metric: Annotated[
        str | None, typer.Option(help="Metric to compare; default: the task's main metric.")
    ] = None,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Compare how faithful explanations are instead.")
    ] = False,
    by: Annotated[
        str, typer.Option(help="How words are weighed, with --explanations.")
    ] = "integrated-gradients",
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
    if metric in UNNORMALISED:
        from luthier.explanations_of_run import unnormalised

        two = " ".join(map(str, folders[:2]))
        raise unnormalised(f"--metric {metric}", f"luthier compare {two} --explanations")
    if explanations:
        _compare_explanations(folders, by=by, layout=asked)
        return
    from luthier.cli.show import show_comparison
    from luthier.evaluation.compare_runs import compare as compare_runs

    compared = compare_runs(folders, metric=metric, confidence=CONFIDENCE)
    show_comparison(compared, confidence=CONFIDENCE, layout=asked)


def _compare_explanations(folders: list[Path], *, by: str, layout: Layout) -> None:
    from luthier.cli.explain_rows import show_normalised
    from luthier.cli.progress import watching
    from luthier.explanations_of_run import compare_explanations

    with watching() as listener:
        found = compare_explanations(folders, by=by, listener=listener)
    if layout is Layout.JSON:
        print_json(found.to_json())
        return
    show_normalised(found)
