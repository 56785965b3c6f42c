"""The schedulers by name: what is written for each, and the program that takes it.

Nothing is sent unless that is asked for.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from luthier.errors import ArgumentError, RunError, suggestion
from luthier.submission import kubernetes, skypilot, slurm
from luthier.submission.asked import Asked

MARK = "# Written by `luthier submit`; written anew each time."


@dataclass(frozen=True)
class Scheduler:
    """A scheduler.

    Args:
        write: Makes its file of a job and a comment.
        ending: How the file's name ends.
        sending: Words of the command that takes the file, whose name comes last.
    """

    write: Callable[[Asked, str], str]
    ending: str
    sending: tuple[str, ...]


SCHEDULERS = {
    "slurm": Scheduler(slurm.write, ".slurm.sh", ("sbatch",)),
    "kubernetes": Scheduler(kubernetes.write, ".kubernetes.yaml", ("kubectl", "apply", "-f")),
    "skypilot": Scheduler(skypilot.write, ".skypilot.yaml", ("sky", "jobs", "launch", "--yes")),
}


def scheduler_of(name: str) -> Scheduler:
    """Find a scheduler.

    Raises:
        ArgumentError: There is none of this name.
    """
    if name not in SCHEDULERS:
        raise ArgumentError(
            "There is no scheduler of this name.",
            received=f"--to {name}",
            hint=suggestion(name, list(SCHEDULERS)),
        )
    return SCHEDULERS[name]


def write_job(asked: Asked, to: str, file: Path | None = None) -> tuple[Path, str]:
    """Write the file of a job; one that was not written so before is left alone.

    Returns:
        The file, and what it says.

    Raises:
        ArgumentError: The scheduler is unknown, or lacks an option.
        RunError: The file is something else, or cannot be written.
    """
    scheduler = scheduler_of(to)
    text = scheduler.write(asked, MARK)
    place = file or Path(f"{asked.name}{scheduler.ending}")
    try:
        if place.exists() and MARK not in place.read_text(encoding="utf-8", errors="replace"):
            raise RunError(
                "The job file would replace a file that is none.",
                received=str(place),
                hint="--file another.name",
            )
        place.write_text(text, encoding="utf-8", newline="\n")
    except OSError as problem:
        raise RunError(
            "The job file cannot be written.",
            received=f"{place}: {problem.strerror}",
            hint="--file in a folder that can be written to",
        ) from None
    return place, text


def sending(to: str, file: Path) -> list[str]:
    """Return the command that sends a job file."""
    return [*scheduler_of(to).sending, str(file.absolute())]


def send(to: str, file: Path) -> None:
    """Give a job file to its scheduler, whose answer goes to the terminal.

    Raises:
        RunError: Its program is not on this machine, or refused the job.
    """
    words = sending(to, file)
    if shutil.which(words[0]) is None:
        raise RunError(
            f"Jobs are sent to {to} by the program {words[0]}, which is not on this machine.",
            received=f"--send, and no {words[0]} on the PATH",
            hint=f"on a machine that has it: {shlex.join(words)}",
        )
    code = subprocess.run(words, check=False).returncode
    if code:
        raise RunError(
            f"{words[0]} did not take the job.",
            received=f"{shlex.join(words)} ended with {code}",
            hint="what it said stands above; the job file is kept",
        )
