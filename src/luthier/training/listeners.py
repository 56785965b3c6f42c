"""Those who listen to a training: events on disk, TensorBoard, progress bars, clocks.

Long work is a generator of `StepInfo`; `follow` walks it to its end and passes every step on.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Generator, Iterable
from types import ModuleType
from typing import Any, TypeVar

from luthier.records import StepInfo
from luthier.runs import RunFolder

T = TypeVar("T")
Listener = Callable[[StepInfo], None]
WITHOUT = "tensorboard.compat.notf"  # a module by which TensorBoard does without TensorFlow


def follow(steps: Generator[StepInfo, None, T], listener: Listener) -> T:
    """Walk a generator of steps to its end, telling of each, and give what it returns."""
    while True:
        try:
            info = next(steps)
        except StopIteration as end:
            return end.value
        listener(info)


class Listeners:
    """Pass each step on to events.jsonl, TensorBoard where installed, and whoever else listens.

    Args:
        folder: The run.
        others: Called with every step.
    """

    def __init__(self, folder: RunFolder, others: Iterable[Listener] = ()):
        self.folder = folder
        self.others = list(others)
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()
        self._announced: str | None = None  # a phase that tells only of its beginning
        if importlib.util.find_spec("tensorboard") is not None:
            self.others.append(TensorBoard(folder))

    def __call__(self, info: StepInfo) -> None:
        """Take one step."""
        self._clock(self._announced or info.phase)
        self._announced = info.phase if info.n_steps == 0 else None
        if info.loss is not None or info.scores is not None or info.message is not None:
            self.folder.append_event(info)
        for listener in self.others:
            listener(info)

    def say(self, phase: str) -> None:
        """Tell that a phase without steps begins."""
        self(StepInfo(phase, 0, 0, message=phase))

    def _clock(self, phase: str) -> None:
        """Put the time since the last step down to a phase."""
        now = time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now

    def spent(self) -> dict[str, Any]:
        """Say how long everything took, in all and by phase."""
        if self._announced is not None:
            self._clock(self._announced)
        phases = {phase: round(seconds, 2) for phase, seconds in self.seconds.items()}
        return {"seconds": round(sum(self.seconds.values()), 2), "phases": phases}


class TensorBoard:
    """Write losses, rates and scores where TensorBoard looks for them: `tensorboard/` in the run.

    Args:
        folder: The run.
    """

    def __init__(self, folder: RunFolder):
        self.path = folder.path / "tensorboard"
        self._writer: Any = None

    def __call__(self, info: StepInfo) -> None:
        """Write the numbers of one step, if it has any."""
        numbers = {"loss": info.loss, "learning_rate": info.learning_rate, **(info.scores or {})}
        if info.loss is None and info.scores is None:
            return
        if self._writer is None:
            self._writer = _writer(str(self.path))
        for name, number in numbers.items():
            if number is not None:
                self._writer.add_scalar(f"{info.phase}/{name}", number, info.step)
        if info.step == info.n_steps or info.scores is not None:
            self._writer.flush()


def _writer(path: str) -> Any:
    """Open a folder for TensorBoard, which takes TensorFlow for local files where it is installed.

    Its own switch for doing without is a module of this name: seconds and 300 MB are saved.
    """
    sys.modules.setdefault(WITHOUT, ModuleType(WITHOUT))
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(path)
