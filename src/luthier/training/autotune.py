"""Measures which number of threads and which precision are fastest, before long trainings.

bfloat16 doubles the rate of matrix products on processors with instructions for it, and is ten
times slower on others; a container may grant fewer processors than PyTorch starts threads for. So
both are measured, in about a second, at the shapes of the model's own linear layers. The choice is
reported, kept with the run, and reused when it is resumed. Short trainings use PyTorch's threads
and float32, since measuring would not pay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from luthier.distributed.group import group
from luthier.environment import usable_cores
from luthier.job import Job
from luthier.ranks import n_on_this_machine
from luthier.recipe.tree import Training

WORTH = 1e13  # floating-point operations above which measuring pays: minutes of training
SECONDS = 1.0  # approximate limit of measuring
BFLOAT16_WORTH = 1.5  # least speed-up over float32: below, conversions cost more than they gain
THREADS_WORTH = 1.15  # least speed-up over PyTorch's own number of threads
PRODUCT = 2e8  # limit of operations of one timed product
HOPELESS = 2.0  # times slower than the best: dropped after three rounds


@dataclass(frozen=True)
class Choice:
    """Threads and precision of a training.

    Args:
        threads: Number of PyTorch's threads.
        bf16: Whether to use bfloat16 mixed precision.
        rates: Maps `THREADS x PRECISION` to the measured rate, in 10⁹ operations a second.
    """

    threads: int
    bf16: bool
    rates: Mapping[str, float]

    @property
    def words(self) -> str:
        """The choice, in a line for the user."""
        measured = ", ".join(f"{name}: {rate:.0f}" for name, rate in self.rates.items())
        precision = "bfloat16 mixed precision" if self.bf16 else "float32"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"computing in {precision} with {threads} (matrix products, GFLOP/s: {measured})"


def calibrate(model: nn.Module, job: Job) -> Choice | None:
    """Choose threads and precision for a training on a CPU; None leaves both unchanged.

    Sets the number of threads. A resumed run keeps its earlier choice.

    Args:
        model: The model to train.
        job: The job, whose recipe names a precision or leaves it open (`bf16: auto`).
    """
    settings: Training = job.plan.training
    if not on_cpu(settings) or work(model, job) < WORTH:
        return None
    first = group().is_first  # it measures for all
    choice = _read(group().from_first(asdict(_kept_or_measured(model, job)) if first else None))
    if choice is not None:
        torch.set_num_threads(choice.threads)
    return choice


def _kept_or_measured(model: nn.Module, job: Job) -> Choice:
    kept = (job.session.run.read_json("autotune") or {}) if job.session.run is not None else {}
    if (choice := _read(kept.get(job.session.phase))) is None:
        choice = measure(model, job)
        if job.session.run is not None:
            job.session.run.write_json("autotune", {**kept, job.session.phase: asdict(choice)})
    return choice


def _read(kept: Mapping[str, Any] | None) -> Choice | None:
    """Read a stored choice; None if there is none, or it is damaged."""
    try:
        if kept is None:
            return None
        return Choice(int(kept["threads"]), bool(kept["bf16"]), dict(kept["rates"]))
    except (TypeError, KeyError, ValueError):
        return None


def precision_of(settings: Training, choice: Choice | None) -> bool:
    """Return whether to train in bfloat16: as requested or, if that is open, as is faster."""
    if settings.bf16 != "auto":
        return settings.bf16
    if settings.fp16:
        return False
    if on_cpu(settings):
        return choice is not None and choice.bf16
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)


def on_cpu(settings: Training) -> bool:
    """Return whether the training runs on a CPU."""
    return settings.use_cpu or not torch.accelerator.is_available()


def work(model: nn.Module, job: Job) -> float:
    """Estimate the operations of a training: six for each weight and token (Kaplan et al. 2020).

    https://arxiv.org/abs/2001.08361, section 2.1.
    """
    settings: Training = job.plan.training
    lengths = job.problem.items["train"].cost
    n_rows = settings.num_train_epochs * len(lengths)
    if settings.max_steps > 0:
        a_step = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
        n_rows = settings.max_steps * a_step
    n_tokens = n_rows * float(lengths.mean()) if len(lengths) else 0.0
    return 6.0 * n_tokens * sum(n * n_in * n_out for (n_in, n_out), n in shapes(model).items())


def shapes(model: nn.Module) -> dict[tuple[int, int], int]:
    """Count the linear layers of each shape (inputs, outputs)."""
    found: dict[tuple[int, int], int] = {}
    for part in model.modules():
        if isinstance(part, (nn.Linear, Conv1D)) and part.weight.ndim == 2:
            rows, columns = part.weight.shape
            shape = (rows, columns) if isinstance(part, Conv1D) else (columns, rows)
            found[shape] = found.get(shape, 0) + 1
    return found


def measure(model: nn.Module, job: Job) -> Choice:
    """Time matrix products at a model's most costly shape; keep each setting's best time."""
    settings: Training = job.plan.training
    lengths = job.problem.items["train"].cost
    n_tokens = int(settings.per_device_train_batch_size * float(lengths.mean()))
    count = shapes(model)
    shape = max(count, key=lambda one: count[one] * one[0] * one[1])
    before = torch.get_num_threads()
    threads = sorted({before, *candidates(before)})
    tried = [(n, torch.float32) for n in threads]
    if settings.bf16 == "auto" and not settings.fp16:
        tried.append((before, torch.bfloat16))
    rates = _rates(tried, max(16, n_tokens), shape)
    torch.set_num_threads(before)
    best = max(threads, key=lambda n: rates[n, torch.float32])
    if rates[best, torch.float32] < THREADS_WORTH * rates[before, torch.float32]:
        best = before
    in_bf16 = rates.get((before, torch.bfloat16), 0.0)
    return Choice(
        best,
        in_bf16 >= BFLOAT16_WORTH * rates[before, torch.float32],
        {f"{n} x {str(kind).removeprefix('torch.')}": rate for (n, kind), rate in rates.items()},
    )


def candidates(before: int) -> set[int]:
    """Return numbers of threads that may beat PyTorch's own, unless the user set that."""
    if os.environ.get("OMP_NUM_THREADS") or os.environ.get("MKL_NUM_THREADS"):
        return set()
    usable = max(1, usable_cores() // n_on_this_machine())
    return {n for n in (usable, usable // 2) if 1 <= n <= max(before, usable)}


Setting = tuple[int, torch.dtype]


def _rates(tried: list[Setting], n_tokens: int, shape: tuple[int, int]) -> dict[Setting, float]:
    """Time x Wᵀ for x (tokens, inputs), in 10⁹ operations a second."""
    n_in, n_out = shape
    n_rows = max(16, min(n_tokens, int(PRODUCT / (2 * n_in * n_out))))
    values = torch.randn(n_rows, n_in, generator=torch.Generator().manual_seed(0))
    weight = torch.ones(n_out, n_in)
    best: dict[Setting, float] = {}
    end = time.perf_counter() + SECONDS
    for number in range(20):
        hopeless = HOPELESS * min(best.values(), default=0.0)
        for threads, kind in tried:
            if number >= 3 and best[threads, kind] > hopeless:
                continue
            torch.set_num_threads(threads)
            x, w = values.to(kind), weight.to(kind)
            functional.linear(x, w)  # the first call after a change starts the threads
            started = time.perf_counter()
            functional.linear(x, w)
            seconds = time.perf_counter() - started
            best[threads, kind] = min(best.get((threads, kind), seconds), seconds)
        if time.perf_counter() > end:
            break
    return {one: 2e-9 * n_rows * n_in * n_out / seconds for one, seconds in best.items()}
