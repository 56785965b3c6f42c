"""Whether the documents of a finished run agree, where no manifest says that they are whole.

Runs of versions before 0.2 have no manifest. They are held to what they say twice: scores to their
intervals and to the predictions, counts to each other, and labels to those of the model. What
stands in one place alone, such as the weights, is not found out so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.records import Target
from luthier.runs.files import damaged, read_document, read_json, read_lines

NAMED = ("single-label", "multi-label", "tags")  # kinds of targets whose outputs have names
ROUNDING = 1e-6
FROM_HERE_ON = 0.8  # level of intervals that hold their score, however few rows there are
Record = TypeVar("Record")


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Score(_Part):
    value: float | None
    low: float | None
    high: float | None
    n: int


class _Compared(_Part):
    system: str
    baseline: str
    metric: str
    difference: float | None
    p_value: float | None
    n: int


class _Comparison(_Part):
    main_metric: str
    system: str
    confidence: float = 0.95
    comparisons: list[_Compared]


class _Split(_Part):
    rows: int
    labels: dict[str, int] | None = None


class _Data(_Part):
    splits: dict[str, _Split]


class _Answer(_Part):
    answer: JSON


class _Line(_Part):
    columns: dict[str, JSON]
    gold: JSON
    predictions: dict[str, _Answer]


class _Panel(_Part):
    kind: str
    data: JSON


class _Panels(_Part):
    panels: list[_Panel] = []


class _Confusion(_Part):
    labels: list[str]
    table: list[list[float]]


class _Any(BaseModel):
    model_config = ConfigDict(extra="allow")


Scores = dict[str, dict[str, _Score]]


def disagreements(folder: Path) -> Iterator[str]:
    """Walk over what the documents of a finished run say otherwise than each other.

    Args:
        folder: The run folder.

    Raises:
        RunError: A document or a line of it cannot be read; the error names it.
    """
    data = _read(folder, "data", _Data)
    scores = _read(folder, "scores", Scores)
    comparison = _read(folder, "comparison", _Comparison)
    target = _read(folder, "target", Target)
    panels = _read(folder, "panels", _Panels).panels
    for document in ("environment", "attempts"):
        _read(folder, document, _Any)
    _records(folder / "events.jsonl", _Any)
    lines = _records(folder / "predictions.jsonl", _Line)
    yield from _of_scores(scores, comparison)
    yield from _of_rows(data, scores, comparison, lines)
    yield from _of_labels(data, target, lines)
    yield from _of_panels(panels, target, lines)
    if target.kind == "single-label":
        yield from _of_accuracy(scores, lines)
    yield from _of_model(folder / "model", target)


def names_differ(target: Target, known: object) -> bool:
    """Say whether a configuration's `id2label` names other labels than a target does."""
    if target.kind not in NAMED or not isinstance(known, Mapping):
        return False
    named = {str(index): str(name) for index, name in known.items()}
    return [named.get(str(index)) for index in range(len(named))] != list(target.names)


def _of_scores(scores: Scores, comparison: _Comparison) -> Iterator[str]:
    for system, found in scores.items():
        for metric, one in found.items():
            if comparison.confidence >= FROM_HERE_ON and not _in_order(
                one.low, one.value, one.high
            ):
                yield (
                    f"scores.json: {metric} of {system} is {one.value}, outside its interval "
                    f"[{one.low}, {one.high}]"
                )
    for name in [comparison.system, *(one.baseline for one in comparison.comparisons)]:
        if comparison.main_metric not in scores.get(name, {}):
            yield f"comparison.json: scores.json has no {comparison.main_metric} of {name}"
    for other in comparison.comparisons:
        if not _in_order(0.0, other.p_value, 1.0):
            yield f"comparison.json: p against {other.baseline} is {other.p_value}"
        first, second = (
            found.get(other.metric)
            for found in (scores.get(other.system, {}), scores.get(other.baseline, {}))
        )
        if first is None or second is None or first.value is None or second.value is None:
            continue
        apart = abs(first.value - second.value)
        if other.difference is None or not math.isclose(
            abs(other.difference), apart, abs_tol=ROUNDING
        ):
            yield (
                f"comparison.json: {other.metric} differs from that of {other.baseline} by "
                f"{other.difference}; in scores.json by {apart:.4g}"
            )


def _of_rows(
    data: _Data, scores: Scores, comparison: _Comparison, lines: list[_Line]
) -> Iterator[str]:
    counts = {
        **{f"data.json, {name}": one.rows for name, one in data.splits.items() if name == "test"},
        **{f"scores.json, {s} {m}": one.n for s, of in scores.items() for m, one in of.items()},
        **{f"comparison.json, {one.baseline}": one.n for one in comparison.comparisons},
    }
    for where, count in counts.items():
        if count != len(lines):
            yield f"{where}: {count} rows; predictions.jsonl has {len(lines)}"
    systems = set(scores)
    for number, line in enumerate(lines, start=1):
        if set(line.predictions) != systems:
            yield f"predictions.jsonl, line {number}: other systems than those of scores.json"
            return


def _of_labels(data: _Data, target: Target, lines: list[_Line]) -> Iterator[str]:
    for split, one in data.splits.items():
        if one.labels is None or target.kind not in NAMED:
            continue
        if set(one.labels) - set(target.names):
            yield f"data.json: {split} has labels that target.json does not name"
        labelled = sum(one.labels.values())
        if target.kind == "single-label" and labelled != one.rows:
            yield f"data.json: {labelled} labels of {split}, and {one.rows} rows"
    if target.kind != "single-label":
        return
    for number, line in enumerate(lines, start=1):
        said = [line.gold, *(one.answer for one in line.predictions.values())]
        if any(one not in target.names for one in said):
            yield f"predictions.jsonl, line {number}: a label that target.json does not name"
            return
    counted = Counter(str(line.gold) for line in lines)
    listed = data.splits["test"].labels if "test" in data.splits else None
    if listed is not None and counted != Counter(listed):
        yield "data.json: the labels of test are not those of predictions.jsonl"


def _of_panels(panels: list[_Panel], target: Target, lines: list[_Line]) -> Iterator[str]:
    for panel in panels:
        if panel.kind != "confusion":
            continue
        try:
            found = _Confusion.model_validate(panel.data)
        except ValidationError:
            yield "panels.json: the confusion is no table"
            return
        if found.labels != list(target.names):
            yield "panels.json: the confusion has other labels than target.json"
        if sum(map(sum, found.table)) != len(lines):
            yield f"panels.json: the confusion does not add up to {len(lines)} rows"


def _of_accuracy(scores: Scores, lines: list[_Line]) -> Iterator[str]:
    for system, found in scores.items():
        if "accuracy" not in found or not lines or system not in lines[0].predictions:
            continue
        right = sum(line.predictions[system].answer == line.gold for line in lines) / len(lines)
        value = found["accuracy"].value
        if value is None or not math.isclose(value, right, abs_tol=ROUNDING):
            yield (
                f"scores.json: the accuracy of {system} is {value}; "
                f"by predictions.jsonl it is {right:.4g}"
            )


def _of_model(model: Path, target: Target) -> Iterator[str]:
    """Compare the target with what the model's own files say; studies keep no models."""
    if (model / "config.json").is_file():
        content = read_json(model / "config.json")
        if not isinstance(content, dict):
            raise damaged(model / "config.json", ValueError("no configuration"))
        if names_differ(target, content.get("id2label")):
            yield f"{model}: target.json and the model's config.json name other labels"
    if (model / "luthier.json").is_file():
        content = read_json(model / "luthier.json")
        own = content.get("target") if isinstance(content, dict) else None
        same = [target.kind, list(target.names)]
        if not isinstance(own, dict) or [own.get("kind"), own.get("names")] != same:
            yield f"{model}: target.json and luthier.json tell of other labels"


def _in_order(*numbers: float | None) -> bool:
    """Say whether numbers ascend, up to rounding; unknown ones are left out."""
    known = [one for one in numbers if one is not None]
    return all(one <= other + ROUNDING for one, other in pairwise(known))


def _read(folder: Path, document: str, kind: type[Record]) -> Record:
    try:
        return TypeAdapter(kind).validate_python(read_document(folder, document))
    except ValidationError as problem:
        raise _misfit(folder / f"{document}.json", problem) from problem


def _records(path: Path, kind: type[Record]) -> list[Record]:
    made = TypeAdapter(kind)
    try:
        return [made.validate_python(line) for line in read_lines(path)]
    except OSError as problem:
        raise damaged(path, problem) from problem
    except ValidationError as problem:
        raise _misfit(path, problem) from problem


def _misfit(path: Path, problem: ValidationError) -> RunError:
    """Make the error for content of another form than documents of a run have."""
    first = problem.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return damaged(path, ValueError(f"{place}: {first['msg']}" if place else first["msg"]))
