"""Runs toy recipes, one after the other, in as many processes as the environment says.

    python -m tests.processes.program CELLS.json

CELLS.json: [{"tree": a recipe, "task": whose toy rows are given, "out": a folder}, …]; with
"die_after" or "fail_after", the process of "rank" (0) is killed or fails once that step is saved;
with "stop_after", all are stopped, and go on to the next cell.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import luthier
from luthier import ranks
from luthier.launch import environment_of, free_port
from luthier.signals import Interrupted
from luthier.training.checkpoint import Checkpointer
from tests.tiny import write_tiny_model
from tests.toys import FAMILY, toy_rows, toy_tree

ROOT = Path(__file__).parents[2]


def start(
    cells: Sequence[Mapping[str, Any]], folder: Path, n: int, **environment: str
) -> list[subprocess.Popen[str]]:
    """Start the program in `n` new processes of one thread each."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"cells-{n}.json"
    file.write_text(json.dumps(list(cells)), encoding="utf-8")
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.processes.program", str(file)],
            env={
                **(environment_of(rank, n, port) if n > 1 else os.environ),
                "OMP_NUM_THREADS": "1",
                **environment,
            },
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(n)
    ]


def run_cells(cells: Sequence[Mapping[str, Any]], folder: Path, n: int) -> None:
    """Run the program to its end.

    Raises:
        AssertionError: A process failed; the message is what it printed.
    """
    started = start(cells, folder, n)
    said = [one.communicate()[0] for one in started]
    assert all(one.returncode == 0 for one in started), "\n\n".join(said)


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


def main() -> None:
    """Run the cells."""
    (file,) = sys.argv[1:]
    for one in json.loads(Path(file).read_text(encoding="utf-8")):
        wrong = {name: step for name, step in one.items() if name.endswith("_after")}
        is_here = ranks.rank() == one.get("rank", 0) or "stop_after" in wrong
        go_wrong(**wrong if is_here else {})
        with suppress(Interrupted):
            luthier.run(one["tree"], out=one["out"], data={"train": toy_rows(one["task"])})


if __name__ == "__main__":
    main()
