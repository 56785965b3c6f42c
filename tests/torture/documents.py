"""What documents of a run may say otherwise than each other, as a slip of the pen would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Change = Callable[[Any], object]


def rewrite(path: Path, change: Change) -> None:
    """Change a JSON document, or the first line of JSON lines, in place."""
    whole, ended = path.read_text(encoding="utf-8"), ""
    if path.suffix == ".jsonl":
        whole, ended = whole.split("\n", 1)
        ended = f"\n{ended}"
    content = json.loads(whole)
    change(content)
    path.write_text(json.dumps(content, ensure_ascii=False) + ended, encoding="utf-8")


def _first(part: str, value: Any) -> Change:
    def change(scores: Any) -> None:
        next(iter(scores.values()))["accuracy"][part] = value

    return change


def _at(*path: Any, value: Any) -> Change:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = value(content[path[-1]]) if callable(value) else value

    return change


def _turn(*path: Any) -> Change:
    return _at(*path, value=lambda names: names[::-1])


def _turn_labels(config: Any) -> None:
    config["id2label"] = dict(
        zip(config["id2label"], reversed(config["id2label"].values()), strict=True)
    )


def _more(number: int) -> int:
    return number + 1


DISAGREEMENTS: dict[str, tuple[str, Change]] = {  # file, and what is changed there
    "a score outside its interval": ("scores.json", _first("value", 0.999)),
    "an interval turned around": ("scores.json", _first("low", 0.9999)),
    "a score of more rows": ("scores.json", _first("n", 1000)),
    "a score that is a text": ("scores.json", _first("value", "high")),
    "a score of a system that nobody has": (
        "scores.json",
        lambda scores: scores.update(other=scores["fine-tuned"]),
    ),
    "labels turned around": ("target.json", _turn("names")),
    "a label less": ("target.json", _at("names", value=lambda names: names[:-1])),
    "another kind of target": ("target.json", _at("kind", value="multi-label")),
    "labels of the model turned around": ("model/config.json", _turn_labels),
    "labels of its card turned around": ("model/luthier.json", _turn("target", "names")),
    "more test rows": ("data.json", _at("splits", "test", "rows", value=_more)),
    "more training rows": ("data.json", _at("splits", "train", "rows", value=_more)),
    "more rows of a label": (
        "data.json",
        _at("splits", "test", "labels", value=lambda one: {**one, next(iter(one)): 99}),
    ),
    "a verdict by another difference": (
        "comparison.json",
        _at("comparisons", 0, "difference", value=0.77),
    ),
    "a p-value of 7": ("comparison.json", _at("comparisons", 0, "p_value", value=7.0)),
    "a verdict on fewer rows": ("comparison.json", _at("comparisons", 0, "n", value=3)),
    "a metric that was not measured": ("comparison.json", _at("main_metric", value="loudness")),
    "another answer": ("predictions.jsonl", _at("gold", value="hail")),
    "a status of another kind": ("status.json", _at("state", value="done")),
    "a confusion of fewer rows": (
        "panels.json",
        _at("panels", value=lambda panels: [*map(_fewer, panels)]),
    ),
}


def _fewer(panel: Any) -> Any:
    if panel["kind"] != "confusion":
        return panel
    table = [[0 for _ in row] for row in panel["data"]["table"]]
    return {**panel, "data": {**panel["data"], "table": table}}
