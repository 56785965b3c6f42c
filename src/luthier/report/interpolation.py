"""The page of an interpolation: the curve between two models, and what the chosen one can do.

Interpolation ─► figure, rows ─► an HTML file
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from luthier import __version__
from luthier.metrics.names import metric_of, title
from luthier.report.figures import Series, chart
from luthier.report.formatting import amount, interval
from luthier.report.panels import pages
from luthier.runs.files import write_whole

KINDS = ("dotted", "second")


def write_interpolation(path: Path, found: Any) -> Path:
    """Draw an interpolation as a page that loads nothing.

    Args:
        path: The file to write.
        found: The `Interpolation`.
    """
    names = list(found.points[0].validation)
    kind_of = dict(zip(names, KINDS, strict=False))
    curves = [
        Series(name, [(one.alpha, one.validation[name]) for one in found.points], kind_of[name])
        for name in reversed(names)
    ]
    at = next(one for one in found.points if one.alpha == found.alpha)
    figure = chart(
        curves,
        label=f"{title(found.metric)} between two models",
        unit=metric_of(found.metric).unit,
        marked=(at.alpha, at.validation[names[0]]),
        of="α =",
    )
    page = pages(autoescape=True).get_template("interpolation.html")
    html = page.render(
        found=found,
        metric_title=title(found.metric),
        figure=figure,
        series=kind_of,
        points=[
            {
                "alpha": f"{one.alpha:.2g}",
                "is_chosen": one is at,
                "cells": [amount(one.validation[name], found.metric) for name in names],
            }
            for one in found.points
        ],
        names=names,
        judged=judged_rows(found),
        version=__version__,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, [html])


def judged_rows(found: Any) -> list[dict[str, Any]]:
    """Write the scores on the rows that judge, and the chosen model against both ends."""
    rows = []
    for name, comparisons in found.comparisons.items():
        metric = comparisons[0].metric
        verdict = {one.baseline: one.verdict for one in comparisons}
        for system, scores in found.scores[name].items():
            score = scores[metric]
            rows.append(
                {
                    "of": name,
                    "system": system,
                    "n": score.n,
                    "metric": title(metric),
                    "value": amount(score.value, metric),
                    "interval": interval(score.low, score.high, metric),
                    "verdict": verdict.get(system, ""),
                }
            )
    return rows
