"""Which way of answering a file is fastest on this machine, and what it costs in quality.

Every way that is at hand answers the same rows of the file, in turns; the fastest is compared with
the run's own model on the run's test rows. What was found is kept in the run's folder, and holds
for the same machine, versions and length of texts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from luthier.backends.kept import Tell, kept_export
from luthier.environment import describe, version_of
from luthier.errors import LuthierError, RunError
from luthier.evaluation.judge import judge, resampling
from luthier.exporters.merged import rows_of
from luthier.exporters.trial import MOST_ROWS, MOST_WRITTEN, spread_lines
from luthier.prediction.predictor import Predictor, load
from luthier.records import Rows
from luthier.runs import RunFolder
from luthier.runs.files import read_json, write_whole
from luthier.runs.places import kept_beside, making, not_older

OWN = "torch float32"
SAMPLE, WRITTEN, ROUNDS = 64, 8, 3  # rows that are answered; where texts are written; turns
HOPELESS = 5  # times as long as the quickest way so far: it is not tried again
DOCUMENT = "fastest.json"


@dataclass(frozen=True)
class Fastest:
    """What is fastest.

    Args:
        way: Its name.
        milliseconds: Least time for a row of the sample, by way.
        lacking: Why a way could not be tried, by way.
        rows: Number of the file's rows that were answered.
        loss: What the way loses on the run's test rows, in a sentence with its interval.
    """

    way: str
    milliseconds: Mapping[str, float]
    lacking: Mapping[str, str]
    rows: int
    loss: str


def fastest(
    run: Path, source: object, overrides: Sequence[str] = (), *, on_note: Tell
) -> tuple[Predictor, Fastest]:
    """Find the fastest way to answer a file, and return a predictor that answers by it.

    Args:
        run: A finished run.
        source: The file.
        overrides: How it is read, where that differs from the run's recipe.
        on_note: Is told what takes long.

    Raises:
        RunError: The folder is no run, or it did not finish.
    """
    opened = RunFolder.open(run).require_finished()
    own = load(run, overrides)
    if type(own) is not Predictor:
        raise RunError(
            "--fast compares the ways in which one model of a run can answer.",
            received=str(run),
            hint="the folder of a run; leave --fast out for an export or an ensemble",
        )
    rows = own.read(source)
    writes = "generate" in own.codec.inference_kinds(answering=True)
    sample = spread(rows, WRITTEN if writes else SAMPLE)
    ways = ways_of(own, run, overrides, on_note)
    path, asked = kept_beside(opened.path, DOCUMENT), conditions(sample)
    if path.is_file() and not_older(path, opened.model):
        kept = read_json(path)
        if kept.pop("conditions", None) == asked and kept["way"] in ways:
            return ways[kept["way"]](), Fastest(**kept)
    predictors, lacking = made(ways)
    taken = measure(predictors, sample, on_note)
    way = min(taken, key=taken.__getitem__)
    loss = loss_of(predictors[way], own, opened, way, MOST_WRITTEN if writes else MOST_ROWS)
    found = Fastest(way, taken, lacking, len(sample), loss)
    with making(path.parent):
        path.parent.mkdir(exist_ok=True)
    write_whole(path, [json.dumps({**asdict(found), "conditions": asked}, indent=1), "\n"])
    return predictors[way], found


def ways_of(
    own: Predictor, run: Path, overrides: Sequence[str], on_note: Tell
) -> dict[str, Callable[[], Predictor]]:
    """Name the ways in which a run's model can answer, the slowest to make last."""

    def graph(*, int8: bool = False, backend: str = "auto") -> Predictor:
        return load(kept_export(run, int8=int8, on_note=on_note), overrides, backend=backend)

    return {
        OWN: lambda: own,
        "torch bf16": lambda: own.rounded("bf16"),
        "torch int8": lambda: own.rounded("int8"),
        "onnx": graph,
        "openvino": lambda: graph(backend="openvino"),
        "onnx int8": lambda: graph(int8=True),
    }


def made(
    ways: Mapping[str, Callable[[], Predictor]],
) -> tuple[dict[str, Predictor], dict[str, str]]:
    """Make the predictors that can be made; say of the others why not."""
    predictors, lacking = {}, {}
    for name, make in ways.items():
        try:
            predictors[name] = make()
        except LuthierError as problem:
            parts = (problem.problem, problem.received, problem.hint)
            lacking[name] = " · ".join(str(one) for one in parts if one)
    return predictors, lacking


def measure(predictors: Mapping[str, Predictor], sample: Rows, on_note: Tell) -> dict[str, float]:
    """Measure the least time of each way for a row, in milliseconds; the ways take turns."""
    taken: dict[str, float] = {}
    on_note(f"Measuring {len(predictors)} ways on {len(sample)} rows …")
    for turn in range(ROUNDS):
        for name, predictor in predictors.items():
            if taken and taken.get(name, 0.0) > HOPELESS * min(taken.values()):
                continue
            if turn == 0:
                list(predictor.answers(sample.take(range(min(2, len(sample))))))  # warms up
            began = time.perf_counter()
            list(predictor.answers(sample))
            spent = (time.perf_counter() - began) * 1e3 / len(sample)
            taken[name] = min(spent, taken.get(name, spent))
    return taken


def loss_of(chosen: Predictor, own: Predictor, run: RunFolder, way: str, most: int) -> str:
    """Compare a way with the run's own model on the run's test rows."""
    if way == OWN:
        return "That is the run's own model: nothing is lost."
    rows = rows_of(spread_lines(run, most))
    _, (comparison,) = judge(
        own.codec,
        own.codec.gold(rows),
        {way: chosen.predict(rows), OWN: own.predict(rows)},
        system=way,
        **resampling(own.recipe),
    )
    return f"On {len(rows):,} test rows of the run: {comparison.verdict}"


def spread(rows: Rows, most: int) -> Rows:
    """Take rows spread evenly over all."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
    return rows.take(places.tolist())


def conditions(sample: Rows) -> dict[str, Any]:
    """Describe what decides which way is fastest: the machine, the versions and the lengths."""
    here = describe()
    size = sum(len(str(cell)) for cells in sample.columns.values() for cell in cells)
    return {
        **{name: here[name] for name in ("luthier", "cpu", "cores", "packages")},
        **{name: version_of(name) for name in ("onnxruntime", "openvino")},
        "length": int(np.log2(max(1, size / max(1, len(sample))))),
    }
