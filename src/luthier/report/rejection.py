"""Prepare the panel of texts that fit no label: a table of scores, and risk by coverage."""

from __future__ import annotations

from luthier.declarations import JSON, SHARE
from luthier.report.facts import Facts
from luthier.report.figures import Series, chart
from luthier.report.formatting import share

SAID = {
    "max-probability": "maximum probability",
    "energy": "energy",
    "margin": "margin",
    "class-distance": "cosine to the nearest class mean",
}
METRICS = {
    "auroc": "AUROC",
    "f1_outside": "F1 of no label",
    "in_scope_accuracy": "in-scope accuracy",
    "coverage": "in-scope coverage",
    "answered_accuracy": "accuracy of answers",
}


def rejection(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Lay out what every score's rule is worth, and draw risk by coverage."""
    if not data or not data.get("test"):
        return None
    chosen, baseline = data["chosen"], data["baseline"]
    known = [name for name in METRICS if name in data["test"][chosen]["metrics"]]
    risk = data["risk"]
    figure = chart(
        [
            Series(
                SAID.get(name, name),
                [(100 * x, y) for x, y in risk[name]],
                "strong" if name == chosen else "faint",
            )
            for name in reversed(risk)
        ],
        label="Share of wrong answers by the share of rows that are answered",
        unit=SHARE,
        of="coverage",
    )
    return {
        **data,
        "said": SAID.get(chosen, chosen),
        "baseline_said": SAID.get(baseline, baseline),
        "headings": [METRICS[name] for name in known],
        "rows": [
            {
                "name": SAID.get(name, name),
                "is_chosen": name == chosen,
                "cells": [_cell(one["metrics"][metric]) for metric in known],
            }
            for name, one in data["test"].items()
        ],
        "differences": [
            {
                "name": METRICS[metric],
                "value": f"{100 * one['value']:+.1f}",
                "interval": f"{100 * one['low']:+.1f} to {100 * one['high']:+.1f}",
                "is_clear": one["low"] > 0 or one["high"] < 0,
            }
            for metric in known
            if (one := data["test"][chosen]["less_baseline"].get(metric))
            and None not in one.values()
        ],
        "figure": figure,
    }


def _cell(one: dict[str, JSON]) -> str:
    if one["value"] is None:
        return "–"
    return f"{share(one['value'])} ({share(one['low'])} to {share(one['high'])}, n = {one['n']:,})"
