"""The least time that a training's work needs on this machine, measured at the work's own shapes.

    bound = F / rate + 40 · parameters · steps / bandwidth

The rate is that of matrix products of the model's own sizes, forwards and both ways backwards, each
at its best; 40 bytes are what AdamW reads and writes for a parameter. F: `work.py`.
As a program it prints one line of JSON: `python -m benchmarks.roofline --data FOLDER --rows 320`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.arms import arguments
from benchmarks.peers import Start
from benchmarks.watch import finish
from benchmarks.work import (
    Shape,
    attention_flops,
    linear_flops,
    linear_shapes,
    trained_parameters,
    work_of,
)

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
BYTES_A_PARAMETER = 40  # weight, gradient and two moments read, three written, gradient cleared
TRIES, PATIENCE = 30, 0.15  # of one product: the most, and seconds
PATIENCE_FOR_COPIES = 1.5  # seconds
COPIED = 2**26  # numbers of a copy, far beyond caches


def main() -> None:
    """Measure the bound of the training that the command line describes."""
    warnings.filterwarnings("ignore")
    print(json.dumps(measure(arguments(__doc__ or "").parse_args())))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Give rates, bandwidth and bounds, in FLOP/s, bytes/s and seconds.

    Returns:
        Among others `bound`: precision to seconds, of the work left after exact speed-ups; and
        `bound_of_all`: of all layers for all tokens, and an optimizer over the whole vocabulary.
    """
    start = Start.read(options)
    model = start.model
    work = work_of(start.problem, start.rows, start.tokenizer, start.names, options)
    bandwidth = measure_bandwidth(options.device)
    found: dict[str, Any] = {
        "arm": "roofline",
        "steps": work.steps,
        "tokens": work.tokens_seen,
        "bandwidth": bandwidth,
        "flops": {},
        "rates": {},
    }
    shapes = {left: linear_shapes(model, work, cls_only=left) for left in (True, False)}
    seconds = measure_products(shapes[True] | shapes[False], options.device)
    for is_left, key in ((True, "bound"), (False, "bound_of_all")):
        linear = linear_flops(shapes[is_left], work.steps)
        attention = attention_flops(model, work, cls_only=is_left)
        n_trained = trained_parameters(model, work, occurring=is_left)
        moved = BYTES_A_PARAMETER * n_trained * work.steps / bandwidth
        found["flops"][key] = linear + attention
        found[key] = {}
        for precision in TYPES:
            products = work.steps * sum(
                times * seconds[precision][shape] for shape, times in shapes[is_left].items()
            )
            rate = linear / products
            found["rates"][precision] = rate
            found[key][precision] = products + attention / rate + moved
    return found


def measure_products(shapes: Counter[Shape], device: str = "cpu") -> dict[str, dict[Shape, float]]:
    """Time the three products of every linear layer, in both precisions: seconds of all three."""
    found: dict[str, dict[Shape, float]] = {precision: {} for precision in TYPES}
    for n_tokens, before, after in shapes:
        for precision, dtype in TYPES.items():
            states = torch.randn(n_tokens, before, dtype=dtype, device=device)
            weights = torch.randn(after, before, dtype=dtype, device=device)
            gradient = torch.randn(n_tokens, after, dtype=dtype, device=device)
            found[precision][n_tokens, before, after] = (
                best_of(lambda x=states, w=weights: x @ w.T)
                + best_of(lambda g=gradient, w=weights: g @ w)
                + best_of(lambda g=gradient, x=states: g.T @ x)
            )
    return found


def measure_bandwidth(device: str = "cpu") -> float:
    """Copy a large array: bytes read and written in a second."""
    source, target = (make(COPIED, device=device) for make in (torch.ones, torch.empty))
    return 2 * 4 * COPIED / best_of(lambda: target.copy_(source), patience=PATIENCE_FOR_COPIES)


def best_of(compute: Callable[[], Any], *, patience: float = PATIENCE) -> float:
    """Give the seconds of the fastest of several tries; of one, where that takes long."""
    begun = time.perf_counter()
    compute()
    finish()
    best = time.perf_counter() - begun
    for _ in range(TRIES):
        before = time.perf_counter()
        if before - begun > patience:
            break
        compute()
        finish()
        best = min(best, time.perf_counter() - before)
    return best


if __name__ == "__main__":
    main()
