"""What does a GPU gain: is every speed-up right there, and how fast is Luthier against `Trainer`?

python -m benchmarks gpu                        on a GPU, at most nine minutes
python -m benchmarks gpu --device cpu --tiny    the same script on a CPU: does it run?
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.arms import arguments
from benchmarks.arms import run as run_arm
from benchmarks.gpu.correct import CHEAPLY, PLAIN, SPEED_UPS, compare_speed_up, trained
from benchmarks.gpu.texts import write_entities, write_texts
from benchmarks.luthier_arm import LuthierArm
from benchmarks.models import BASE, ready_model
from benchmarks.peers import GROUPED, Start
from benchmarks.problems import PROBLEMS
from benchmarks.processes import FOLDER
from benchmarks.roofline import measure as measure_roofline
from benchmarks.watch import finish
from luthier.environment import describe
from luthier.models.load import quietly
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows

NO_GPU = 2
BEST = ({"bf16": True, **GROUPED}, {"bf16": True, "torch_compile": True, **GROUPED})  # a sweep
Row = dict[str, Any]


class Log:
    """Rows as they come, until the time is up.

    Args:
        minutes: From now.
    """

    def __init__(self, minutes: float):
        self.deadline = time.monotonic() + 60 * minutes
        self.rows: list[Row] = []

    def measure(self, about: Row, work: Callable[[], Row]) -> Row | None:
        """Do a measurement and print it; one that fails, or comes too late, says so."""
        found: Row | None = None
        if time.monotonic() > self.deadline:
            row = {**about, "not measured": "time is up"}
        else:
            try:
                found = work()
                row = {**about, **found}
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - the others are still measured
                row = {**about, "failed": f"{type(problem).__name__}: {str(problem)[:200]}"}
        self.rows.append(row)
        print(" | ".join(f"{name}: {_spelled(value)}" for name, value in row.items()), flush=True)
        _free()
        return found


def main() -> None:
    """Measure all of it; leave with 2 where there is no GPU."""
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a tiny model and few rows")
    parser.add_argument("--minutes", type=float, default=9.0, help="what comes later is left out")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print("No GPU is found by PyTorch; --device cpu --tiny tries the script.", file=sys.stderr)
        sys.exit(NO_GPU)
    log = Log(asked.minutes)
    with tempfile.TemporaryDirectory(prefix="luthier-gpu-") as scratch, quietly():
        measure_all(log, Path(scratch), device=asked.device, tiny=asked.tiny)
    FOLDER.mkdir(parents=True, exist_ok=True)
    document = {"machine": describe(), "device": asked.device, "tiny": asked.tiny, "rows": log.rows}
    (FOLDER / "gpu.json").write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
    print(f"\n{table(log.rows)}\n{FOLDER / 'gpu.json'}")


def measure_all(log: Log, folder: Path, *, device: str, tiny: bool) -> None:
    """Measure correctness, then speed, entities and predictions of each model and kind of text."""
    n_rows, n_steps = (32, 2) if tiny else (4096, 60)
    models = ("2x64",) if tiny else ("minilm", BASE)
    texts = {
        kind: write_texts(folder / kind, n_rows, is_mixed=kind == "mixed")
        for kind in ("short", "mixed")
    }
    entities = write_entities(folder / "entities", n_rows)
    for name in models:
        model = ready_model(name, folder / "models")

        def options(data: Path, problem: str = "reviews", *, of: str = model) -> Any:
            parser = arguments("", batch_size=8 if tiny else 32, max_tokens=64 if tiny else 512)
            words = [f"--data={data}", f"--model={of}", f"--problem={problem}"]
            words += [f"--rows={n_rows}", f"--steps={n_steps}", f"--device={device}"]
            words += [f"--set={CHEAPLY}"] if tiny else []
            return parser.parse_args(words)

        about = {"model": name}
        if name == models[0]:
            measure_correctness(log, about, options(texts["mixed"]), tiny=tiny)
        for kind, data in texts.items():
            measure_speed(log, {**about, "texts": kind}, options(data), tiny=tiny)
        few = ("plain", "unpadded")
        measure_speed(
            log, {**about, "texts": "entities"}, options(entities, "entities"), tiny=tiny, only=few
        )
        measure_prediction(log, {**about, "texts": "mixed"}, options(texts["mixed"]))


def measure_correctness(log: Log, about: Row, options: Any, *, tiny: bool) -> None:
    """Compare every speed-up with the plain training, step by step the same rows."""
    options.steps = min(options.steps, 4)
    plain = trained(options, PLAIN, strict=False)
    for name in chosen(SPEED_UPS, tiny=tiny):
        log.measure(
            {"what": "correct", **about},
            lambda name=name: compare_speed_up(options, name, plain),
        )


def measure_speed(
    log: Log, about: Row, options: Any, *, tiny: bool, only: tuple[str, ...] | None = None
) -> None:
    """Time `Trainer` as it comes and at its best, and Luthier with each speed-up."""
    bound = log.measure({"what": "bound", **about}, lambda: bounds_of(options)) or {}

    def timed(arm: str, settings: dict[str, Any], changes: tuple[str, ...]) -> Row:
        given = {**vars(options), "arm": arm, "settings": settings, "checked": False}
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        found = run_arm(argparse.Namespace(**{**given, "set": [*options.set, *changes]}))
        kept = ("seconds", "precision", "peak_mib", "peak_gpu_mib")
        row = {name: found[name] for name in kept if name in found}
        step = found.get("seconds_a_steady_step") or found["seconds_a_step"]
        row |= {"ms a step": 1000 * step, "tokens/s": found["tokens"] / found["steps"] / step}
        if least := bound.get(found["precision"]):
            row["times the bound"] = step * found["steps"] / least
        return row

    what = {"what": "speed", **about}
    log.measure({**what, "arm": "Trainer, as it comes"}, lambda: timed("trainer", {}, ()))
    for settings in BEST:
        name = "Trainer, bf16, fused, grouped" + ", compile" * ("torch_compile" in settings)
        if tiny and "torch_compile" in settings:
            settings = {**settings, "torch_compile_backend": "eager"}
        log.measure({**what, "arm": name}, lambda one=settings: timed("trainer", one, ()))
    log.measure({**what, "arm": "Luthier, as it comes"}, lambda: timed("luthier", {}, ()))
    for name in only or chosen(SPEED_UPS, tiny=tiny):
        changes = SPEED_UPS[name]
        log.measure(
            {**what, "arm": f"Luthier, {name}"},
            lambda changes=changes: timed("luthier", {}, changes),
        )


def bounds_of(options: Any) -> Row:
    """Give the least seconds of this work on this device, by precision (`roofline.py`)."""
    found = measure_roofline(options)
    return {**found["bound"], "TFLOP/s": {k: v / 1e12 for k, v in found["rates"].items()}}


def measure_prediction(log: Log, about: Row, options: Any) -> None:
    """Answer all rows by Luthier, and by a loop of Transformers' that sorts rows by length."""
    what = {"what": "prediction", **about}
    log.measure({**what, "arm": "Luthier"}, lambda: predict_by_luthier(options))
    log.measure({**what, "arm": "sorted loop"}, lambda: predict_by_loop(options))


def predict_by_luthier(options: Any) -> Row:
    """Time `infer_rows` on encoded rows."""
    arm = LuthierArm.make(PROBLEMS[options.problem], options)
    job = arm._job()
    problem, model = job.problem, arm.model.to(options.device).eval()
    items, rows = problem.items["train"], arm.rows
    return timed_rows(
        lambda: follow(
            infer_rows(model, items, rows, problem.codec, batch_size=64), lambda info: None
        ),
        len(rows),
    )


def predict_by_loop(options: Any) -> Row:
    """Time a plain loop over batches of like length."""
    start = Start.read(options)
    encoded = start.encode(options)
    model, collate = start.model.to(options.device).eval(), start.collator()
    order = sorted(range(len(start.rows)), key=encoded["length"].__getitem__)
    fields = ("input_ids", "attention_mask")

    def answer() -> None:
        with torch.inference_mode():
            for first in range(0, len(order), 64):
                part = order[first : first + 64]
                batch = collate([{name: encoded[name][row] for name in fields} for row in part])
                model(**{k: v.to(options.device) for k, v in batch.items()}).logits.cpu()

    return timed_rows(answer, len(order))


def timed_rows(answer: Callable[[], Any], n_rows: int) -> Row:
    """Answer once to warm up, and once by the clock."""
    answer()
    finish()
    begun = time.perf_counter()
    answer()
    finish()
    return {"rows/s": round(n_rows / (time.perf_counter() - begun))}


def chosen(names: Any, *, tiny: bool) -> list[str]:
    """Leave CUDA graphs out of the try on a CPU, which has none."""
    return [name for name in names if not (tiny and "graphs" in name)]


def table(rows: list[Row]) -> str:
    """Write the rows as tables in Markdown, one for each question."""
    parts = []
    for what in dict.fromkeys(row["what"] for row in rows):
        some = [row for row in rows if row["what"] == what]
        columns = [one for one in dict.fromkeys(k for row in some for k in row) if one != "what"]
        lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        lines += [
            f"| {' | '.join(_spelled(row.get(one, '')) for one in columns)} |" for row in some
        ]
        parts.append("\n".join([f"**{what}**", "", *lines, ""]))
    return "\n".join(parts)


def _spelled(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_spelled(one)}" for name, one in value.items())
    return str(value)


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
