"""What a training spends, and when its first step begins: seen from outside, alike for all arms.

Nothing is asked of the arm: PyTorch's hooks tell of the model's calls and the optimizer's steps.
"""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

STEADY = 20  # steps after which the GPU is waited for


class Watch:
    """A clock around a training.

    Args:
        model: What is trained; None where nothing is.
    """

    def __init__(self, model: nn.Module | None = None):
        self.model = model
        self.began = 0.0  # the first call of the model in training
        self.ended: list[float] = []  # of every step
        self.precision = "fp32"

    def __enter__(self) -> Self:
        self.hooks: list[Any] = []
        if self.model is not None:
            linear = next(one for one in self.model.modules() if isinstance(one, nn.Linear))
            self.hooks = [
                self.model.register_forward_pre_hook(self._see_call),
                linear.register_forward_hook(self._see_precision),
                register_optimizer_step_post_hook(self._see_end),
            ]
        self.before, self.stolen = resource.getrusage(resource.RUSAGE_SELF), stolen_seconds()
        self.children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        finish()
        self.stopped = time.perf_counter()
        self.after, self.stolen = (
            resource.getrusage(resource.RUSAGE_SELF),
            (stolen_seconds() - self.stolen),
        )
        self.peak = peak_mib()
        for hook in self.hooks:
            hook.remove()

    def _see_call(self, module: nn.Module, *_: Any) -> None:
        if module.training and not self.began:  # trials run without; a batch may be cut into calls
            self.began = time.perf_counter()

    def _see_precision(self, module: Any, inputs: Any, output: torch.Tensor) -> None:
        self.precision = "bf16" if output.dtype == torch.bfloat16 else "fp32"

    def _see_end(self, *_: Any) -> None:
        if (len(self.ended) + 1) % STEADY == 0:
            finish()  # a GPU is behind what it was given
        self.ended.append(time.perf_counter())

    def found(self) -> dict[str, Any]:
        """Give seconds, processor seconds (of workers too), MiB, and the steps that were seen."""
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = spent(self.after) - spent(self.before) + spent(children) - spent(self.children)
        found = {
            "seconds": round(self.stopped - self.started, 3),
            "cpu_seconds": round(cpu, 3),
            "stolen_seconds": round(self.stolen, 2),
            "peak_mib": self.peak,
            "threads": torch.get_num_threads(),
        }
        if torch.cuda.is_available():
            found["peak_gpu_mib"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
        if self.ended:
            n_later = len(self.ended) - 1
            found |= {
                "steps": len(self.ended),
                "precision": self.precision,
                "seconds_before_first_step": round(self.began - self.started, 3),
                "seconds_in_steps": round(self.ended[-1] - self.began, 3),
                "seconds_a_step": round((self.ended[-1] - self.ended[0]) / n_later, 5)
                if n_later
                else None,
            }
        if len(self.ended) >= 2 * STEADY:  # after what is compiled or measured at first
            seen = self.ended[STEADY - 1 :: STEADY]
            seconds = (seen[-1] - seen[0]) / STEADY / (len(seen) - 1)
            found["seconds_a_steady_step"] = round(seconds, 6)
        return found


def finish() -> None:
    """Wait for what the GPU was given, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def spent(usage: resource.struct_rusage) -> float:
    """Add up the processor seconds of a program and of the system for it."""
    return usage.ru_utime + usage.ru_stime


def peak_mib() -> float:
    """Read the most memory that this program has held, in MiB.

    The system's `ru_maxrss` is no less than what the process that started this one held.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.is_file() else []
    words = next((line.split() for line in lines if line.startswith("VmHWM")), None)
    if words is None:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return round(int(words[1]) / 1024, 1)


def stolen_seconds() -> float:
    """Read how long the machine's processors were given to others, all processors together."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    return int(stat.read_text().split()[8]) / os.sysconf("SC_CLK_TCK")
