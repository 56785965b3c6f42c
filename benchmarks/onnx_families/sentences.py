"""How fast an export translates sentences, beside the run that it was made of, in turns.

    python -m benchmarks.onnx_families.sentences --run RUN --export FOLDER --texts FILE --rows 500

Both get the same texts by `luthier.load`, with the run's own settings of writing, on one thread
or as many as OMP_NUM_THREADS says.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything computes

import luthier


def main() -> None:
    """Translate in turns, and compare what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--export", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True, help="a text a line")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    texts = options.texts.read_text(encoding="utf-8").splitlines()[: options.rows]
    models = {"torch": luthier.load(options.run), "onnx": luthier.load(options.export)}
    written, seconds, processor = {}, {}, {}
    for model in models.values():
        list(model(texts[:16]))  # warms up
    for number in range(options.rounds):
        for name in sorted(models, reverse=bool(number % 2)):
            began, before = time.perf_counter(), time.process_time()
            written[name] = list(models[name](texts))
            seconds.setdefault(name, []).append(time.perf_counter() - began)
            processor.setdefault(name, []).append(time.process_time() - before)
        alike = sum(a == b for a, b in zip(*written.values(), strict=True))
        said = ", ".join(
            f"{name} {seconds[name][-1]:.1f} s ({processor[name][-1]:.1f} of the processor)"
            for name in models
        )
        print(f"round {number + 1}: {said}; {alike} of {len(texts)} alike", flush=True)
    for kind, taken in (("seconds", seconds), ("processor seconds", processor)):
        ratios = [one / other for one, other in zip(taken["torch"], taken["onnx"], strict=True)]
        low, high = min(ratios), max(ratios)
        print(f"{kind}: torch / onnx {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
