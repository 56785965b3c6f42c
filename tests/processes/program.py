"""Runs toy recipes, one after the other, in as many processes as are asked for.

Each is a fork of a process that has imported the libraries and done nothing else. A file tells what
they run: [{"tree": a recipe, "task": whose toy rows are given, "out": a folder}, …]; with
"die_after" or "fail_after", the process of "rank" (0) is killed or fails once that step is saved;
with "stop_after", all are stopped, and go on to the next cell.
"""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import luthier
from luthier import ranks
from luthier.explaining import report_rows
from luthier.launch import environment_of, free_port
from luthier.signals import Interrupted
from luthier.training import sharding  # noqa: F401 - loaded once, before what forks
from luthier.training.checkpoint import Checkpointer
from tests.tiny import write_tiny_model
from tests.torture.trial import Started, Starter
from tests.toys import FAMILY, toy_rows, toy_tree

SECONDS = 300


class Team:
    """Two processes that have imported what runs need, and start others as their forks."""

    def __init__(self) -> None:
        self.starters = [Starter("tests.processes.program:train") for _ in range(2)]

    def start(self, cells: Sequence[Mapping[str, Any]], folder: Path, n: int) -> list[Started]:
        """Start the program in `n` new processes of one thread each."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"cells-{n}.json"
        file.write_text(json.dumps(list(cells)), encoding="utf-8")
        port = free_port()
        started = []
        for rank, starter in enumerate(self.starters[:n]):
            own = folder / f"rank-{rank}"
            own.mkdir(exist_ok=True)
            started.append(starter.begin(own, [str(file), str(rank), str(n), str(port)]))
        self.starters.reverse()  # so that most are resumed by a process with other hashes
        return started

    def run(self, cells: Sequence[Mapping[str, Any]], folder: Path, n: int) -> None:
        """Run the program to its end.

        Raises:
            AssertionError: A process failed; the message is what it printed.
        """
        ended = [one.wait(SECONDS) for one in self.start(cells, folder, n)]
        assert all(one.code == 0 for one in ended), "\n\n".join(one.said for one in ended)

    def close(self) -> None:
        """End the two."""
        for one in self.starters:
            one.close()


def cell(task: str, out: Path, models: Path, *, dropout: bool = False, **sections: Any) -> Any:
    """Describe a run of a task's toy rows on a tiny model."""
    tree = toy_tree(task, model_of(task, models, dropout=dropout), baselines=[], **sections)
    return {"tree": tree, "task": task, "out": str(out)}


def model_of(task: str, models: Path, *, dropout: bool = False) -> Path:
    """Write the tiny model that learns a task, or find it written."""
    family = FAMILY.get(task, "bert")
    folder = models / f"{family}-{'dropout' if dropout else 'plain'}"
    if not folder.exists():
        write_tiny_model(family, folder)
        config = folder / "config.json"
        found = json.loads(config.read_text(encoding="utf-8"))
        share = 0.1 if dropout else 0.0
        kept = {
            name: share if "drop" in name and isinstance(value, (int, float)) else value
            for name, value in found.items()
        }
        config.write_text(json.dumps(kept), encoding="utf-8")
    return folder


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a finished run."""
    (file,) = (path for path in run.glob("*/*.safetensors") if path.parent.name == "model")
    return load_file(file)


def far_apart(one: Path, other: Path) -> float:
    """Return the largest difference of two runs' weights, relative to the largest weight."""
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    differences = [float((first[name] - second[name]).abs().max()) for name in first]
    return max(differences) / max(float(values.abs().max()) for values in first.values())


SAVE = Checkpointer.save


def go_wrong(*, die_after: int = 0, fail_after: int = 0, stop_after: int = 0) -> None:
    """Be killed, fail or stop right after the checkpoint of a step; 0: never."""

    def going_wrong(self: Checkpointer, step: int, *, at_leisure: bool = False) -> None:
        SAVE(self, step, at_leisure=at_leisure)
        if step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == fail_after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if step == stop_after:
            raise Interrupted

    Checkpointer.save = going_wrong  # type: ignore[method-assign]


def train(file: str, rank: str, n: str, port: str) -> None:
    """Run the cells of a file, as one of `n` processes that meet at a port."""
    report_rows.SHARE = 10.0  # so that short trainings explain the rows that they are asked for
    if int(n) > 1:
        os.environ.update(environment_of(int(rank), int(n), int(port)))
    for one in json.loads(Path(file).read_text(encoding="utf-8")):
        wrong = {name: step for name, step in one.items() if name.endswith("_after")}
        is_here = ranks.rank() == one.get("rank", 0) or "stop_after" in wrong
        go_wrong(**wrong if is_here else {})
        with suppress(Interrupted):
            luthier.run(one["tree"], out=one["out"], data={"train": toy_rows(one["task"])})
