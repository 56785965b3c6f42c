"""Prepare the panels of a run's error analysis for their templates.

Each function takes a panel's data and the facts of the run; nothing to show is None or empty.
"""

from __future__ import annotations

import statistics
from itertools import groupby

from luthier.declarations import JSON
from luthier.metrics.names import metric_of, title
from luthier.report import figures
from luthier.report.facts import Facts
from luthier.report.formatting import amount, answer, interval, number, share
from luthier.report.verdict import scale_of

MOST_LABELS = 25  # up to which all labels are drawn; of more, the most confused
MOST_DRAWN = 20
MOST_PAIRS = 15


def confusion(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Lay out the confusion of true and predicted labels; of many labels, the most confused."""
    table, labels = data.get("table"), data.get("labels") or []
    if not table or len(table) != len(labels):
        return None
    table = [[n or 0 for n in row] for row in table]
    chosen = list(range(len(labels)))
    if len(labels) > MOST_LABELS:
        worst = sorted(chosen, key=lambda label: -_confusions(table, label))
        chosen = sorted(worst[:MOST_DRAWN])
    return {
        "labels": [labels[label] for label in chosen],
        "rows": [
            {"label": labels[row], "cells": [_cell(table, row, column) for column in chosen]}
            for row in chosen
        ],
        "n_labels": len(labels),
        "is_cut": len(chosen) < len(labels),
        "pairs": _pairs(table, labels),
    }


def _confusions(table: list[list[float]], label: int) -> float:
    given = sum(row[label] for row in table)
    return sum(table[label]) + given - 2 * table[label][label]


def _cell(table: list[list[float]], row: int, column: int) -> dict[str, JSON]:
    part = table[row][column] / (sum(table[row]) or 1)
    return {
        "n": f"{table[row][column]:g}" if table[row][column] else "",
        "kind": "right" if row == column else "wrong",
        "strength": round(0.08 + 0.84 * part, 2) if part else 0,
        "is_strong": part > 0.78,
        "share": share(part),
    }


def _pairs(table: list[list[float]], labels: list[str]) -> list[dict[str, JSON]]:
    """List the pairs of labels that are confused most."""
    pairs: list[dict[str, JSON]] = [
        {"gold": labels[row], "answer": labels[column], "n": n_rows, "of": sum(counts)}
        for row, counts in enumerate(table)
        for column, n_rows in enumerate(counts)
        if row != column and n_rows
    ]
    return sorted(pairs, key=lambda pair: -pair["n"])[:MOST_PAIRS]


def calibration(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Draw reliability before and after temperature scaling."""
    if not data:
        return None
    return {
        "temperature": data.get("temperature"),
        "fitted_on": data.get("fitted_on"),
        "figures": [
            {
                "name": name,
                "error": share(data[when].get("ece")),
                "figure": figures.reliability(
                    data[when].get("bins") or [], label=f"Accuracy over confidence, {name}"
                ),
            }
            for when, name in (("before", "as trained"), ("after", "after temperature scaling"))
            if data.get(when)
        ],
    }


def labels(data: JSON, facts: Facts) -> list[dict[str, JSON]]:
    """Lay out the scores of every label, the worst F1 first."""
    scale = figures.Scale(0, 1)
    rows = sorted(data or [], key=lambda row: (row.get("f1") is None, row.get("f1")))
    return [row | {"bar": figures.interval_bar(row, scale, key="f1")} for row in rows]


def slices(data: JSON, facts: Facts) -> list[dict[str, JSON]]:
    """Lay out the scores of parts of the test rows, grouped by what they were split by."""
    keys = ("score", "low", "high")
    whole = facts.main_score.get("value")
    groups = []
    for by, members in groupby(data or [], key=lambda one: one.get("by")):
        parts = list(members)
        metric = str(parts[0].get("metric") or facts.metric)
        ends = [part[key] for part in parts for key in keys if part.get(key) is not None]
        scale = scale_of([*ends, *([whole] if whole is not None else [])], metric)
        groups.append(
            {
                "by": by,
                "metric": title(metric),
                "axis": figures.axis(scale, metric_of(metric).unit),
                "rows": [
                    {
                        "value": part.get("value"),
                        "n": part.get("n"),
                        "score": amount(part.get("score"), metric),
                        "interval": interval(part.get("low"), part.get("high"), metric),
                        "bar": figures.interval_bar(part, scale, key="score", reference=whole),
                        "apart": _apart(part, whole),
                    }
                    for part in parts
                ],
            }
        )
    return groups


def _apart(part: dict[str, JSON], whole: float | None) -> str:
    """Say on which side of a part's interval the score of all rows lies, if outside it."""
    low, high = part.get("low"), part.get("high")
    if whole is None or low is None or high is None:
        return ""
    return "below" if high < whole else "above" if low > whole else ""


def mistakes(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Lay out the wrong predictions so that they can be sorted and filtered."""
    found = data.get("rows") or []
    if not found:
        return None
    is_number = data.get("kind") == "number"
    rows = [
        row
        | {
            "inputs": inputs_of(row),
            "gold_names": _names(row.get("gold")),
            "answer_names": _names(row.get("answer")),
            "gold_text": answer(row.get("gold")),
            "answer_text": answer(row.get("answer")),
            "sureness": number(row.get("confidence"))
            if is_number
            else share(row.get("confidence")),
        }
        for row in found
    ]
    return {
        "rows": rows,
        "is_number": is_number,
        "n_wrong": data.get("n_wrong"),
        "golds": sorted({name for row in rows for name in row["gold_names"]}),
        "answers": sorted({name for row in rows for name in row["answer_names"]}),
    }


PREVIEWS = {"image": "data:image/jpeg;base64,", "audio": "data:audio/wav;base64,"}


def inputs_of(row: JSON) -> list[dict[str, JSON]]:
    """Return what else than texts a row has; pictures and sounds are those that runs write."""
    found: list[dict[str, JSON]] = []
    for one in row.get("inputs") or []:
        kind, data = str(one.get("kind")), one.get("data")
        prefix = PREVIEWS.get(kind, "")
        is_whole = data is None or data == "" or str(data).startswith(prefix)
        found.append(
            {"role": str(one.get("role")), "kind": kind, "data": data if is_whole else None}
        )
    return found


def _names(value: JSON) -> list[str]:
    if isinstance(value, list):
        return [str(name) for name in value] or ["no label"]
    return [str(value)]


def numbers(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Draw predicted over true numbers, and the distribution of the errors."""
    pairs = [pair for pair in data.get("pairs") or [] if None not in pair and len(pair) == 2]
    if not pairs:
        return None
    errors = [said - gold for gold, said in pairs]
    edges, counts = figures.spread(errors)
    return {
        "n": len(pairs),
        "scatter": figures.scatter(pairs),
        "residuals": figures.histogram(
            edges, counts, label="Predicted minus true numbers", height=320
        ),
        "bias": number(statistics.fmean(errors)),
        "spread": number(statistics.pstdev(errors)),
    }
