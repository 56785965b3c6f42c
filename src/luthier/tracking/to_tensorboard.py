"""TensorBoard: event files in `tensorboard/` of the run folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from luthier.tracking.numbers import Number
from luthier.tracking.tracker import Told

WITHOUT = (
    "tensorboard.compat.notf"  # while this module exists, TensorBoard does not import TensorFlow
)


class ToTensorBoard:
    """Writes scalars as TensorBoard reads them; PyTorch is not needed.

    Args:
        told: The run.
    """

    def __init__(self, told: Told):
        sys.modules.setdefault(WITHOUT, ModuleType(WITHOUT))
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.path = told.place
        self._known = self._read()
        self._writer = EventFileWriter(str(self.path))

    def _read(self) -> dict[str, int]:
        """Read the last step of each series from event files; a cut record ends its file."""
        from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

        last: dict[str, int] = {}
        for file in sorted(self.path.glob("events.out.tfevents.*")):
            for event in LegacyEventFileLoader(str(file)).Load():
                for value in event.summary.value:
                    last[value.tag] = max(int(event.step), last.get(value.tag, -1))
        return last

    def known(self) -> Mapping[str, int]:
        """Return the last step of every series in the files."""
        return self._known

    def write(self, numbers: Sequence[Number]) -> None:
        """Append scalars and flush them."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        for one in numbers:
            scalar = Summary.Value(tag=one.series, simple_value=one.value)
            summary = Summary(value=[scalar])
            self._writer.add_event(Event(step=one.step, wall_time=one.time, summary=summary))
        self._writer.flush()

    def close(self, *, is_over: bool) -> None:
        """Close the file."""
        self._writer.close()

    @property
    def address(self) -> str:
        """The command that shows the files."""
        return f"tensorboard --logdir {self.path}"
