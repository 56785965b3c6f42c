"""The page of a rehearsal: the curve of every strategy, and each against random.

rehearsal.json ─► figure, rows ─► report.html
"""

from __future__ import annotations

from pathlib import Path

from luthier import __version__
from luthier.declarations import JSON
from luthier.metrics.names import metric_of, title
from luthier.report.figures import Scale, interval_bar
from luthier.report.formatting import amount, share
from luthier.report.panels import pages
from luthier.report.study import UNCLEAR, curves, series_of, what_it_did
from luthier.runs.files import write_whole


def write_rehearsal(folder: Path, found: dict[str, JSON]) -> Path:
    """Write `report.html`.

    Args:
        folder: Of the rehearsal.
        found: As `rehearsal.json` has it.

    Returns:
        Path of the page.
    """
    drawn = as_study(found)
    page = pages(autoescape=True).get_template("rehearsal.html")
    html = page.render(
        found=found,
        metric_title=title(found["metric"]),
        figure=curves(drawn),
        series=series_of(drawn),
        compared=compared_rows(found),
        levels=drawn["levels"],
        scores=scores_of(drawn),
        confidence=share(found["confidence"], digits=0),
        version=__version__,
    )
    return write_whole(folder / "report.html", [html])


def as_study(found: dict[str, JSON]) -> dict[str, JSON]:
    """Give the curves in the shape of a study: numbers of labels are its levels."""
    lines = [
        {"level": str(one["n_labelled"]), "arm": one["by"], "score": one["score"]}
        for one in found["steps"]
    ]
    levels = sorted({one["n_labelled"] for one in found["steps"]})
    return {
        "name": found["name"],
        "metric": found["metric"],
        "levels": [str(level) for level in levels],
        "arms": list(dict.fromkeys(one["by"] for one in found["steps"])),
        "lines": lines,
        "sentences": found["sentences"],
    }


def compared_rows(found: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Write each strategy against random, its interval drawn around no difference."""
    factor = metric_of(found["metric"]).unit.factor
    ends = [factor * one["difference"][end] for one in found["compared"] for end in ("low", "high")]
    scale = Scale.of([*ends, 0.0])
    rows = []
    for one in found["compared"]:
        difference, saved = one["difference"], one["saved"]
        shown = {name: factor * difference[name] for name in ("mean", "low", "high")}
        verdict = what_it_did(difference["mean"], one["p_adjusted"], difference["n_seeds"])
        rows.append(
            {
                "by": one["by"],
                "verdict": verdict,
                "is_clear": verdict != UNCLEAR,
                "difference": f"{shown['mean']:+.2f}",
                "interval": f"{shown['low']:+.2f} to {shown['high']:+.2f}",
                "bar": interval_bar(shown, scale, key="mean", reference=0.0),
                "p": "<0.001" if one["p_adjusted"] < 0.001 else f"{one['p_adjusted']:.3f}",
                "saved": f"{saved['n']:.0f} of {saved['of']}",
                "saved_interval": f"{saved['low']:.0f} to {saved['high']:.0f}",
            }
        )
    return rows


def scores_of(drawn: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Write the scores of each strategy, a cell for each number of labels."""
    at = {(one["arm"], one["level"]): one["score"]["mean"] for one in drawn["lines"]}
    return [
        {
            "by": by,
            "cells": [amount(at.get((by, level)), drawn["metric"]) for level in drawn["levels"]],
        }
        for by in drawn["arms"]
    ]
