"""Prepare the panels of explanations over many rows: the check, the words, the shortcuts.

What a figure says it says without colour: a dot with its interval against a dashed line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from luthier.declarations import JSON, NUMBER
from luthier.metrics.names import metric_of
from luthier.report import figures
from luthier.report.facts import Facts
from luthier.report.formatting import amount, count, number, plural, share

NAMES = {  # what is taken out, and which way is better
    "comprehensiveness": ("without its best words", "more is better"),
    "sufficiency": ("with its best words alone", "less is better"),
}


def check(data: JSON, facts: Facts) -> dict[str, JSON]:
    """Draw what an explainer's words are worth beside random words, and how it sees weights."""
    ones = data["explainers"]
    losses = [one for explainer in ones for one in explainer["erased"]]
    across = figures.Scale.of(
        _ends(part for one in losses for part in (one["score"], one["random"]))
    )
    alike = figures.Scale(0.0, 1.0)
    shares = [f"{one * 100:g}" for one in data["shares"]]
    return {
        "explainers": [
            {
                "by": one["by"],
                "rows": [_loss(found, across) for found in one["erased"]],
                "alike": [
                    _alike(part, score, one, alike) for part, score in one["redrawn"].items()
                ],
            }
            for one in ones
        ],
        "axis": figures.axis(across, NUMBER),
        "alike_axis": figures.axis(alike, NUMBER),
        "unit": data["unit"],
        "shares": f"{', '.join(shares[:-1])} and {shares[-1]} %",
        "replaced_by": data["replaced_by"],
        "n_rows": data["n_rows"],
        "n_decisions": data["n_decisions"],
        "n_resamples": data["n_resamples"],
        "confidence": share(data["confidence"], digits=0),
        "verdict": data["verdict"],
        "notes": data["notes"],
    }


def _loss(found: JSON, scale: figures.Scale) -> dict[str, JSON]:
    what, better = NAMES[found["measure"]]
    gain = found["gain"]
    return {
        "what": what,
        "how": f"{found['measure']}, words {found['operator']}; {better}",
        "bar": figures.interval_bar(found["score"], scale, reference=found["random"]["value"]),
        "value": number(found["score"]["value"]),
        "random": number(found["random"]["value"]),
        "gain": _signed(gain),
        "ends": _ends_of(gain),
        "p": _p(found["p_adjusted"]),
    }


def _alike(part: str, score: JSON, one: JSON, scale: figures.Scale) -> dict[str, JSON]:
    return {
        "what": part,
        "bar": figures.interval_bar(score, scale, reference=one["chance"]["value"]),
        "value": number(score["value"]),
        "interval": _ends_of(score, signed=False),
        "random": number(one["chance"]["value"]),
    }


def words(data: JSON, facts: Facts) -> dict[str, JSON]:
    """Draw the words that speak for each label and against it, and those that may be shortcuts."""
    listed = [
        one for label in data["labels"] for one in (*label["words_for"], *label["words_against"])
    ]
    scale = figures.Scale.of([*_ends(one["effect"] for one in listed), 0.0])
    return {
        "labels": [
            {
                "label": label["label"],
                "about": f"{plural(label['n_rows'], 'explained row')} answered so, "
                f"{plural(label['n_words'], 'frequent word')}",
                "sides": _sides(label, scale, is_number=data["is_number"]),
            }
            for label in data["labels"]
        ],
        "axis": figures.axis(scale, NUMBER),
        "shortcuts": [_shortcut(one, data["metric"]) for one in data["shortcuts"]],
        "metric": metric_of(data["metric"]).title,
        "is_number": data["is_number"],
        "by": data["by"],
        "n_explained": data["n_explained"],
        "n_scored": data["n_scored"],
        "n_training": data["n_training"],
        "least_rows": data["least_rows"],
        "confidence": share(data["confidence"], digits=0),
        "notes": data["notes"],
    }


def _sides(label: JSON, scale: figures.Scale, *, is_number: bool) -> list[dict[str, JSON]]:
    named = ("raise it", "lower it") if is_number else ("speak for it", "speak against it")
    sides = zip(named, (label["words_for"], label["words_against"]), strict=True)
    return [
        {"name": name, "rows": [_word(one, scale) for one in ones]} for name, ones in sides if ones
    ]


def _word(one: JSON, scale: figures.Scale) -> dict[str, JSON]:
    effect = one["effect"]
    return {
        "word": one["word"],
        "n": count(effect["n"]),
        "value": _signed(effect),
        "interval": _ends_of(effect),
        "bar": figures.interval_bar(effect, scale, reference=0.0),
        "n_training": count(one["n_training"]),
        "in_training": f"{one['in_training']:+.2f}",
    }


def _shortcut(one: JSON, metric: str) -> dict[str, JSON]:
    change = one["change"]
    unit = metric_of(metric).unit

    def said(score: JSON) -> str:
        return f"{amount(score['value'], metric)} (n = {count(score['n'])})"

    ends = [f"{end * unit.factor:+.1f}" for end in (change["low"], change["high"])]
    return {
        "word": one["word"],
        "label": one["label"],
        "importance": number(one["importance"]),
        "outlying": number(one["outlying"]),
        "in_training": share(one["training_share"], digits=0),
        "n_training": count(one["n_training"]),
        "with_word": said(one["with_word"]),
        "without_word": said(one["without_word"]),
        "masked": said(one["masked"]),
        "change": f"{change['value'] * unit.factor:+.1f} [{ends[0]}, {ends[1]}]",
        "sentence": one["sentence"],
    }


def _ends(scores: Iterable[JSON]) -> list[float]:
    found = (score[key] for score in scores for key in ("value", "low", "high"))
    return [value for value in found if value is not None]


def _signed(score: JSON) -> str:
    return "–" if score["value"] is None else f"{score['value']:+.3f}"


def _ends_of(score: JSON, *, signed: bool = True) -> str:
    ends: Sequence[float | None] = (score["low"], score["high"])
    low, high = ("–" if end is None else f"{end:+.3f}" if signed else f"{end:.3f}" for end in ends)
    return f"[{low}, {high}]"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
