"""Prepare the panels of the verdict, the comparison and the learning curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from luthier.declarations import JSON
from luthier.metrics.names import metric_of
from luthier.report import figures
from luthier.report.facts import Facts
from luthier.report.figures import Scale, Series
from luthier.report.formatting import amount, interval, listed, plural, title

MARKS = {"better": "▲", "worse": "▼", "unclear": "≈"}
MOST_COLUMNS = 5
MOST_POINTS = 400  # of a curve; more are indistinguishable on the page


def verdict(facts: Facts) -> dict[str, JSON]:
    """Give the headline, and each comparison with the colour of its outcome."""
    said = [one for one in map(_sentence, facts.comparisons) if one["lead"]]
    score = facts.main_score
    return {
        "headline": _headline(facts, said),
        "sentences": said,
        "remarks": facts.told.get("judging") or [],
        "score": score,
        "metric": title(facts.metric),
        "value": amount(score.get("value"), facts.metric),
        "interval": interval(score.get("low"), score.get("high"), facts.metric),
    }


def _sentence(comparison: dict[str, JSON]) -> dict[str, str]:
    """Split a verdict into its claim and the numbers behind it."""
    words = re.sub(r"(?<![\w.-])-(?=\d)", "−", str(comparison.get("verdict") or ""))
    first = words.split(" ", 1)[0]
    kind = first if first in ("better", "worse") else "unclear"
    lead, parted, rest = words.partition(" (" if words.startswith("not ") else ", ")
    if parted == " (":
        rest = rest.replace(")", "", 1)
    return {
        "kind": kind,
        "mark": MARKS[kind],
        "baseline": str(comparison.get("baseline", "")),
        "lead": lead[:1].upper() + lead[1:],
        "rest": f"{rest} · {comparison['test']}" if comparison.get("test") else rest,
    }


def _headline(facts: Facts, said: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Write the headline, one sentence, as parts (kind, words)."""
    if not facts.scores:
        return _plain("There is no verdict: nothing was judged.")
    if not said:
        return _plain("Nothing to compare with: no baseline was fitted.")
    beaten = {kind: [s["baseline"] for s in said if s["kind"] == kind] for kind in MARKS}
    if len(beaten["better"]) == len(said) > 1:
        return [("better", f"Fine-tuning beats all {len(said)} baselines.")]
    parts = [
        (kind, f"{words} {listed(beaten[kind])}")
        for kind, words in (
            ("better", "better than"),
            ("worse", "worse than"),
            ("unclear", "not distinguishable from"),
        )
        if beaten[kind]
    ]
    joined = [one for part in parts for one in (("", ", "), part)][1:]
    return [("", f"The {facts.system} model is "), *joined, ("", ".")]


def _plain(words: str) -> list[tuple[str, str]]:
    return [("unclear", words)]


def comparison(facts: Facts) -> dict[str, JSON] | None:
    """Lay out every system's scores, the best of each metric marked, and draw the main one."""
    if not facts.scores:
        return None
    metrics = _metrics(facts)
    best = {metric: _best(facts, metric) for metric in metrics}
    rows = [
        {
            "name": name,
            "is_main": name == facts.system,
            "cells": {
                metric: {
                    "value": amount(score.get("value"), metric),
                    "interval": interval(score.get("low"), score.get("high"), metric),
                    "best": score.get("value") is not None and score["value"] == best[metric],
                }
                for metric in metrics
                for score in [scores.get(metric) or {}]
            },
        }
        for name, scores in facts.scores.items()
    ]
    return {
        "rows": rows,
        "first": metrics[:MOST_COLUMNS],
        "others": metrics[MOST_COLUMNS:],
        "lower": {one for one in metrics if metric_of(one).higher_is_better is False},
        "directionless": {one for one in metrics if metric_of(one).higher_is_better is None},
        "notes": _notes(metrics),
        "forest": _forest(facts),
        "metric": title(facts.metric),
    }


def _notes(metrics: Sequence[str]) -> list[str]:
    """Say how metrics are computed of which there are several ways, each once."""
    titles: dict[str, list[str]] = {}
    for metric in map(metric_of, metrics):
        if metric.note:
            titles.setdefault(metric.note, []).append(metric.title)
    return [f"{listed(found)}: {note}." for note, found in titles.items()]


def _metrics(facts: Facts) -> list[str]:
    """Order the metrics: the verdict's first, then the leading ones, then the others."""
    known = list(dict.fromkeys(metric for scores in facts.scores.values() for metric in scores))
    return sorted(known, key=lambda one: (one != facts.metric, not metric_of(one).is_leading))


def _best(facts: Facts, metric: str) -> float | None:
    found = ((scores.get(metric) or {}).get("value") for scores in facts.scores.values())
    values = [value for value in found if value is not None]
    higher_is_better = metric_of(metric).higher_is_better
    if len(values) < 2 or higher_is_better is None:
        return None
    best: float = max(values) if higher_is_better else min(values)
    return best


def _forest(facts: Facts) -> dict[str, JSON] | None:
    metric = facts.metric
    systems = {name: scores.get(metric) or {} for name, scores in facts.scores.items()}
    ends = _known(score.get(key) for score in systems.values() for key in ("value", "low", "high"))
    if not ends:
        return None
    scale = scale_of(ends, metric)
    reference = facts.main_score.get("value")
    return {
        "rows": [
            {
                "name": name,
                "is_main": name == facts.system,
                "bar": figures.interval_bar(score, scale, reference=reference),
                "value": amount(score.get("value"), metric),
                "interval": interval(score.get("low"), score.get("high"), metric),
            }
            for name, score in systems.items()
        ],
        "axis": figures.axis(scale, metric_of(metric).unit),
    }


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def scale_of(ends: Iterable[float], metric: str) -> Scale:
    """Choose a scale for scores, which ends where the metric's unit does."""
    unit = metric_of(metric).unit
    return Scale.of(ends, least=unit.least, most=unit.most)


def curves(facts: Facts) -> list[dict[str, JSON]]:
    """Draw loss and validation score of every phase that trained."""
    followed = facts.validation_metric
    drawn = []
    for phase, events in facts.curves.items():
        losses = thinned([(e.get("step") or 0, e.get("loss")) for e in events])
        scored = _scored(events, followed)
        logged = _scored(events, "log_loss") if facts.kind == "single-label" else []
        series = [
            Series("of one step", losses, "faint"),
            Series("smoothed", figures.smooth(losses)),
        ]
        if logged:
            points = [(step, value) for step, value, _ in logged]
            series.append(Series("on validation", points, "second"))
        best = [(step, value) for step, value, is_best in scored if is_best]
        values = [(step, value) for step, value, _ in scored]
        sampled = _scored(events, followed, of="training_scores")
        learned = [(step, value) for step, value, _ in sampled]
        n_sampled = max((event.get("n_sampled") or 0 for event in events), default=0)
        step, top = best[-1] if best else (0, None)
        drawn.append(
            {
                "phase": phase,
                "loss": figures.chart(series, label=f"Training loss of {phase}"),
                "has_validation_loss": bool(logged),
                "score": figures.chart(
                    [
                        Series("on training rows", learned, "second"),
                        Series("on validation", values, "dotted"),
                    ],
                    label=f"{title(followed)} on validation and on training rows of {phase}",
                    unit=metric_of(followed).unit,
                    marked=best[-1] if best else None,
                ),
                "sampled": plural(n_sampled, "training row") if learned else "",
                "metric": title(followed),
                "best": f"{amount(top, followed)} at step {step:,}" if best else None,
                "evaluations": plural(len(values), "evaluation"),
            }
        )
    return drawn


def thinned(points: list[tuple[int, float | None]]) -> list[tuple[float, float]]:
    """Average neighbouring points until few enough are left; unknown values are dropped."""
    known = [(step, value) for step, value in points if value is not None]
    every = max(1, -(-len(known) // MOST_POINTS))
    groups = [known[first : first + every] for first in range(0, len(known), every)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _scored(
    events: list[dict[str, JSON]], metric: str, *, of: str = "scores"
) -> list[tuple[int, float, bool]]:
    """List (step, value, is best) of a metric on validation, or in `training_scores`."""
    return [
        (event.get("step") or 0, event[of][metric], bool(event.get("is_best")))
        for event in events
        if event.get(of) and event[of].get(metric) is not None
    ]
