"""Draws a search within a budget: the score of every candidate over the minutes."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from luthier.metrics.names import lower_is_better, metric_of
from luthier.report.facts import Facts
from luthier.report.figures import Scale, dot, grid, path, svg
from luthier.report.formatting import written

HEIGHT = 210.0


def search(data: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Prepare the panel of a search: its figure, and its rows with scores written out."""
    metric = metric_of(data["metric"])
    rows = [
        {
            **one,
            "written": "–" if one["score"] is None else written(one["score"], metric.unit),
            "passes": f"{one['passes']:.3g}" if one["passes"] else "–",
            "seconds": f"{one['seconds']:.0f}",
            "when": f"{one['minute']:.1f}",
        }
        for one in data["tried"]
    ]
    figure = draw([one for one in rows if one["score"] is not None], data["metric"])
    return {"figure": figure, "rows": rows, "title": metric.title, "sentences": data["sentences"]}


def draw(rows: list[dict[str, Any]], name: str) -> Markup | None:
    """Draw candidates as dots over minutes, and the best so far as a line."""
    if not rows:
        return None
    metric, sign = metric_of(name), -1 if lower_is_better(name) else 1
    across = Scale(0, max(one["minute"] for one in rows) or 1)
    down = Scale.of((one["score"] for one in rows), least=0, most=metric.unit.most)
    parts, best, line = grid(across, down, HEIGHT, unit=metric.unit), None, []
    for one in sorted(rows, key=lambda one: one["minute"]):
        x = across(one["minute"])
        if best is not None:
            line.append((x, HEIGHT - down(best, HEIGHT)))
        best = one["score"] if best is None else sign * max(sign * best, sign * one["score"])
        line.append((x, HEIGHT - down(best, HEIGHT)))
    parts.append(path(line, HEIGHT, "curve strong"))
    for one in rows:
        x, y = across(one["minute"]), HEIGHT - down(one["score"], HEIGHT)
        said = f"{one['name']}: {one['written']} after {one['minute']:g} minutes"
        parts.append(dot(x, y, 4, "dotted", said))
        if one["is_best"]:
            parts.append(dot(x, y, 9, "ring", said))
    return svg(HEIGHT + 26, parts, label=f"{metric.title} of every candidate over the minutes")
