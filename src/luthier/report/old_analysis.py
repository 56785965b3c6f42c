"""Read `analysis.json`, which runs of versions before 0.2 have in place of `panels.json`."""

from __future__ import annotations

from luthier.declarations import JSON, Panel

TASKS_OWN = ("entities", "answers", "generations")


def panels_of_analysis(analysis: dict[str, JSON]) -> tuple[Panel, ...]:
    """Make panels of an old analysis, in the order in which a run writes them today."""
    kind, table = analysis.get("kind"), analysis.get("confusion")
    counts = [[n or 0 for n in row] for row in table or []]
    n_right = sum(row[label] for label, row in enumerate(counts))
    n_wrong = int(sum(map(sum, counts)) - n_right) if counts else None
    pairs, mistakes = analysis.get("scatter"), analysis.get("mistakes")
    panels = (
        Panel("confusion", "", table and {"labels": analysis.get("labels") or [], "table": table}),
        Panel("numbers", "", pairs and {"pairs": pairs}),
        Panel("calibration", "", analysis.get("calibration")),
        Panel("labels", "Type by type" if kind == "tags" else "", analysis.get("per_label")),
        *(Panel(own, "", analysis.get(own)) for own in TASKS_OWN),
        Panel("slices", "", analysis.get("slices")),
        Panel(
            "mistakes",
            "Farthest off" if kind == "number" else "",
            mistakes and {"kind": kind, "rows": mistakes, "n_wrong": n_wrong},
        ),
    )
    return tuple(panel for panel in panels if panel.data)
