"""A trial: the command in a process of its own, and ended at will.

Most are forked from this warm process: that spares the seconds that importing PyTorch takes, so
hundreds of trials fit into minutes. A fork inherits what a new process has of its own (the seed of
hashes, modules, patches), so what must hold from process to process is tried by a `Starter`: a
process with hashes of its own that has imported the libraries and done nothing else, and starts
each command as a fork of itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from luthier.cli import app
from luthier.records import Rows
from luthier.runs import RunFolder, plain
from tests.tiny import write_tiny_model
from tests.toys import given_for, toy_rows, toy_tree, write_csv

SECONDS = 120
ROOT = Path(__file__).parents[2]
PIPE_SIZE = 2**20
UNCAUGHT = 70  # exit code of a fork that an exception ended


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        code: Its exit code; minus the signal's number where one killed it.
        said: All that it printed. `seconds`: How long it took.
    """

    code: int
    said: str
    seconds: float


IMPORTED = (  # what commands load, and before them what forks
    *("pipeline", "prediction", "evaluate_run", "evaluation.compare_runs", "exporters.merged"),
    *("report.render", "report.error_analysis", "cli.show", "cli.progress"),
    *("training.engine", "training.loop", "training.losses", "training.autotune"),
    *("tasks.text_classification", "methods.lora", "methods.linear_probe", "methods.contrastive"),
)


@cache
def load_what_commands_load() -> None:
    """Import it once here rather than in every fork."""
    for name in IMPORTED:
        import_module(f"luthier.{name}")


class Child:
    """A forked process that runs something.

    Its output goes into a pipe: a file could be too large for the limits that some trials set.

    Args:
        work: What it does; what it returns is not seen, what it prints is.
        said: A file for its output instead.
    """

    def __init__(self, work: Callable[[], object], *, said: Path | None = None):
        load_what_commands_load()
        self.begun = time.monotonic()
        if said is None:
            self.output, output = os.pipe()
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
            os.set_blocking(self.output, False)
        else:
            self.output = output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.stdout.flush()
        sys.stderr.flush()
        self.process = os.fork()
        if self.process == 0:
            code = UNCAUGHT
            try:
                _redirect(output)
                torch.set_num_threads(1)
                _forget_random_states()
                warnings.resetwarnings()  # pytest makes errors of them
                work()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            except KeyboardInterrupt:
                code = 130
            except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
                sys.excepthook(*sys.exc_info())
            finally:
                try:
                    sys.stdout.flush()
                    sys.stderr.flush()
                finally:
                    os._exit(code)
        os.close(output)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        os.kill(self.process, number)

    def is_over(self) -> bool:
        """Say whether the process is done, without reaping it."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self, seconds: float = SECONDS) -> Ended:
        """Wait for the end; kill what takes too long."""
        deadline = time.monotonic() + seconds
        while not self.is_over():
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.002)
        _, status = os.waitpid(self.process, 0)
        try:
            said = os.read(self.output, PIPE_SIZE).decode(errors="replace")
        except BlockingIOError:  # nothing was said, and a worker still holds the other end
            said = ""
        os.close(self.output)
        return Ended(os.waitstatus_to_exitcode(status), said, time.monotonic() - self.begun)


class Starter:
    """A process that has imported what commands load, and starts them, one at a time.

    Args:
        does: What it starts instead, as `module:function`; it is given the words.
    """

    def __init__(self, does: str = "tests.torture.trial:command") -> None:
        module, name = does.split(":")
        program = (
            f"from tests.torture.trial import start_what_is_asked; from {module} import {name};"
            f"start_what_is_asked({name})"
        )
        paths = os.pathsep.join(path for path in (str(ROOT), *sys.path) if path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, folder: Path, words: Sequence[str]) -> Started:
        """Start a command in a folder; the one before must be over.

        Args:
            folder: Where it works.
            words: The command line after `luthier`.
        """
        return Started(self, folder, words)

    def ask(self, *words: str) -> None:
        """Write a line to the process."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> int:
        """Read a line of the process, a number."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def has_answered(self, seconds: float) -> bool:
        """Wait for an answer; say whether there is one."""
        return bool(select.select([self.process.stdout], [], [], seconds)[0])

    def __enter__(self) -> Starter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


class Started:
    """A command that a `Starter` started."""

    def __init__(self, starter: Starter, folder: Path, words: Sequence[str]):
        self.begun = time.monotonic()
        self.starter, self.said = starter, folder / "said.txt"
        starter.ask(str(folder), *words)
        self.number = starter.answer()

    def kill(self) -> None:
        """Kill the process at once."""
        with suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)

    def is_over(self) -> bool:
        """Say whether the process is done."""
        return self.starter.has_answered(0)

    def wait(self, seconds: float = SECONDS) -> Ended:
        """Wait for the end; kill what takes too long."""
        if not self.starter.has_answered(seconds):
            self.kill()
        code = self.starter.answer()
        said = self.said.read_text("utf-8", "replace")
        return Ended(code, said, time.monotonic() - self.begun)


def start_what_is_asked(does: Callable[..., object]) -> None:
    """Be a starter: import, then fork for each line, and answer its number and its exit code."""
    load_what_commands_load()
    for line in sys.stdin:
        folder, *words = json.loads(line)

        def work(folder: str = folder, words: list[str] = words) -> None:
            os.chdir(folder)
            does(*words)

        child = Child(work, said=Path(folder) / "said.txt")
        _answer(child.process)
        _answer(os.waitstatus_to_exitcode(os.waitpid(child.process, 0)[1]))


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _forget_random_states() -> None:
    """Give a fork random states of its own, as a process that was started has."""
    torch.seed()
    np.random.seed()
    random.seed()


def _redirect(output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)


def command(*words: str) -> None:
    """Run the command `luthier` as a shell does."""
    sys.argv = ["luthier", *words]
    app.main()


class Bench:
    """A folder with a recipe, its data and a tiny model, in which runs are begun and ended.

    Args:
        folder: Where all of it lies.
        task: Which toy rows are learned.
        family: Of the tiny model. `base`: A model to take instead.
        sections: Of the recipe, beside those of `toy_tree`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        task: str = "text-classification",
        family: str = "bert",
        base: Path | None = None,
        **sections: Any,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        rows = write_rows(toy_rows(task), folder)
        base = base or write_tiny_model(family, folder / "model")
        tree = toy_tree(task, base, **sections)
        tree["data"] = {**tree["data"], "train": str(rows)}
        method = sections.get("method", "full")
        given = given_for(method if isinstance(method, str) else method["name"], task)
        if "unlabelled" in given:
            (folder / "more").mkdir(exist_ok=True)
            tree["data"]["unlabelled"] = str(write_rows(given["unlabelled"], folder / "more"))
        self.recipe = folder / "recipe.yaml"
        self.recipe.write_text(yaml.safe_dump(tree), encoding="utf-8")

    def begin(
        self, out: str | Path, *words: str, before: Callable[[], object] | None = None
    ) -> Child:
        """Begin a run in a process of its own.

        Args:
            out: The run folder, below that of the bench.
            words: More of the command line.
            before: Called in the process first, to make something go wrong there.
        """

        def work() -> None:
            os.chdir(self.folder)
            if before is not None:
                before()
            command("run", str(self.recipe), *words, "--out", str(out))

        return Child(work)

    def finish(self, out: str | Path, *words: str) -> Ended:
        """Give the command again and wait for its end."""
        return self.begin(out, *words).wait()

    def finish_by(self, starter: Starter, out: str | Path) -> Ended:
        """Give the command to a starter, which is no fork of this process; wait for the end."""
        return starter.begin(self.folder, ["run", str(self.recipe), "--out", str(out)]).wait()

    def run(self, out: str | Path) -> RunFolder:
        """Open a run."""
        return RunFolder(self.folder / out)

    def model_hash(self, out: str | Path) -> str:
        """Compute the sha256 of the model that a run left."""
        return file_hash(self.folder / out / "model" / "model.safetensors")

    def last_step(self, out: str | Path, phase: str = "fine-tuning") -> int:
        """Say how many steps a run had logged."""
        events = self.run(out).events.read()
        return max((e["step"] for e in events if e["phase"] == phase), default=0)


def write_rows(rows: Rows, folder: Path) -> Path:
    """Write rows as a table, or as JSON lines where cells hold more than text."""
    cells = [cell for column in rows.columns.values() for cell in column]
    if all(isinstance(cell, (str, int, float)) for cell in cells):
        return write_csv(rows, folder / "rows.csv")
    path = folder / "rows.jsonl"
    lines = (
        {name: values[index] for name, values in rows.columns.items()} for index in range(len(rows))
    )
    path.write_text("".join(json.dumps(plain(line)) + "\n" for line in lines), encoding="utf-8")
    return path


def file_hash(path: Path) -> str:
    """Compute the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def logged(run: RunFolder) -> list[Mapping[str, Any]]:
    """List what a run logged of its steps, without what depends on the clock."""
    return [
        {name: value for name, value in event.items() if name != "time"}
        for event in run.events.read()
        if event.get("loss") is not None
    ]


def show(name: str, passed: Sequence[bool], *, detail: str = "") -> str:
    """Write one line of the table of promises."""
    return f"{name}: {sum(passed)}/{len(passed)}{f' ({detail})' if detail else ''}"
