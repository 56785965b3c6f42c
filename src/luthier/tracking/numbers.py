"""The numbers of a run: what `events.jsonl` and `scores.json` hold, as series of steps.

A resumed run drops the events since its checkpoint and writes them again, so lines do not stay
where they were; a series and a step do, and the same step brings the same number.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from luthier.runs import RunFolder

LONGEST = 250  # characters of a name in MLflow
SINGLE = ("loss", "learning_rate", "gradient_norm", "epoch")


@dataclass(frozen=True)
class Number:
    """One number of a run.

    Args:
        series: What it is, as `fine-tuning/loss`.
        step: The optimizer step.
        value: The number.
        time: When it came, in seconds since 1970.
    """

    series: str
    step: int
    value: float
    time: float


def numbers_of(folder: RunFolder) -> list[Number]:
    """List the numbers of a run so far, in their order; of a finished run, its test scores too."""
    begun = _begun(folder)
    found = [one for event in folder.events.read() for one in _of_event(event, begun)]
    if folder.reached == "finished":
        ended = found[-1].time if found else begun
        found += _of_scores(folder.read_json("scores") or {}, ended)
    return found


def unknown(numbers: Iterable[Number], known: Mapping[str, int]) -> list[Number]:
    """Leave out the numbers of steps that a tracker has of their series."""
    return [one for one in numbers if one.step > known.get(one.series, -1)]


def _begun(folder: RunFolder) -> float:
    attempts = folder.attempts()
    if not attempts:
        return time.time()
    return datetime.strptime(attempts[0]["started"], "%Y-%m-%d %H:%M:%S").timestamp()


def _of_event(event: Mapping[str, Any], begun: float) -> Iterator[Number]:
    if event.get("loss") is None and event.get("scores") is None:
        return
    numbers = {name: event.get(name) for name in SINGLE} | (event.get("scores") or {})
    learned = event.get("training_scores") or {}
    numbers |= {f"{name} on training rows": value for name, value in learned.items()}
    for name, value in numbers.items():
        if value is not None:
            at = begun + float(event.get("time", 0))
            yield Number(_series(event["phase"], name), int(event["step"]), float(value), at)


def _of_scores(scores: Mapping[str, Any], ended: float) -> Iterator[Number]:
    for system, metrics in scores.items():
        for metric, score in metrics.items():
            if isinstance(score, Mapping) and isinstance(score.get("value"), (int, float)):
                yield Number(_series(f"test {system}", metric), 0, float(score["value"]), ended)


def _series(phase: str, name: str) -> str:
    """Name a series in the characters that every tracker takes.

    >>> _series("fine-tuning", "F1 (micro)")
    'fine-tuning/F1 _micro_'
    """
    spelled = f"{phase}/{name}"
    return "".join(sign if sign.isalnum() or sign in "_-. :/" else "_" for sign in spelled)[
        :LONGEST
    ]
