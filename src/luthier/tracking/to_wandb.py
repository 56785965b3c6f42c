"""Weights & Biases: offline in the run folder, to be synchronised by `wandb sync`, or online.

An offline run cannot be asked what it has, so the last steps are noted in the run folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from luthier.errors import RunError
from luthier.runs.files import write_whole
from luthier.tracking.numbers import Number
from luthier.tracking.tracker import Told

NOTE = "written.json"


class ToWandb:
    """Writes metrics and the recipe's fields to Weights & Biases.

    Args:
        told: The run.
        online: Whether they are sent, by the user's own settings.

    Raises:
        RunError: It begins no run.
    """

    def __init__(self, told: Told, *, online: bool):
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._note = told.place / NOTE
        kept = json.loads(self._note.read_text("utf-8")) if self._note.is_file() else {}
        self._known: dict[str, int] = kept.get("steps", {})
        self._n: int = kept.get("n", 0)
        self._is_online = online
        settings = wandb.Settings(
            console="off",
            x_disable_stats=True,
            x_disable_meta=True,
            disable_git=True,
            save_code=False,
            silent=True,
        )
        try:
            self._run: Any = wandb.init(
                project=os.environ.get("WANDB_PROJECT", "luthier"),
                id=told.id,
                name=told.name,
                dir=str(told.place),
                config=dict(told.recipe),
                mode="online" if online else "offline",
                resume="allow" if online else None,
                settings=settings,
            )
        except wandb.errors.Error as problem:
            raise RunError(
                "Weights & Biases did not begin a run.",
                received=str(problem),
                hint="wandb login, or leave out --online and use `wandb sync` later",
            ) from None

    def known(self) -> Mapping[str, int]:
        """Return the last step of every series that was written."""
        return self._known

    def write(self, numbers: Sequence[Number]) -> None:
        """Log the numbers of each step together, and note them."""
        for (phase, step), some in groupby(numbers, lambda one: (_phase(one), one.step)):
            made = {one.series: one.value for one in some}
            self._run.define_metric(f"{phase}/*", step_metric=f"{phase}/step")
            self._run.log({**made, f"{phase}/step": step}, step=self._n)
            self._n += 1
            self._known |= dict.fromkeys(made, step)
        note = {"n": self._n, "steps": self._known}
        write_whole(self._note, [json.dumps(note, ensure_ascii=False)])

    def close(self, *, is_over: bool) -> None:
        """Finish the run, which writes the rest."""
        self._run.finish()

    @property
    def address(self) -> str:
        """Where the run is, or how it is sent."""
        if self._is_online:
            return str(self._run.url)
        return f"wandb sync {self._run.dir.removesuffix('/files')}"


def _phase(number: Number) -> str:
    return number.series.rpartition("/")[0]
