"""What a job is to run and to be given, checked before any file is written of it.

Every value ends up in the language of a scheduler, so each is held to a pattern of its own; what
may be any text (paths, overrides) is quoted by `shlex` or by the YAML library where it is written.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from luthier.errors import ArgumentError

GRACE = 120  # seconds that a run has to save itself before it is ended
INTERRUPTED = 143  # exit code of a run that saved itself when it was asked to end
WRONG = 2  # exit code of a run that would fail again
LONGEST_NAME = 50
PATTERNS = {  # of options, with an example of each
    "time": (r"(\d+-)?\d{1,3}:[0-5]\d:[0-5]\d", "12:00:00, or 2-00:00:00 for two days"),
    "memory": (r"[1-9]\d*[MGT]", "64G"),
    "gpus": (r"([A-Za-z][\w.-]*:)?[1-9]\d*", "2, or h100:2"),
    "partition": (r"[A-Za-z0-9_][\w.-]*(,[A-Za-z0-9_][\w.-]*)*", "gpu"),
    "image": (r"[a-z0-9][\w.:/@-]*", "registry.example.org/luthier:1.0"),
    "volume": (r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "runs"),
}


@dataclass(frozen=True)
class Asked:
    """A run as a job.

    Args:
        recipe: The recipe, as the command names it.
        overrides: Changes to it.
        out: The run's folder: the same each time, so that the command resumes it.
        folder: Where the command is given.
        processes: Processes that train together.
        time: Longest time, as D-HH:MM:SS or HH:MM:SS.
        gpus: Number of GPUs, or their kind and number, as `h100:2`.
        cpus: Cores.
        memory: Main memory, as `64G`.
        partition: Part of a SLURM cluster.
        image: Container image.
        volume: What keeps runs when a machine is gone: a claim of Kubernetes, or a bucket.
        restarts: How often at most the command is given again.

    Raises:
        ArgumentError: An option is not of its form.
    """

    recipe: Path
    overrides: Sequence[str]
    out: Path
    folder: Path
    processes: int = 1
    time: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    memory: str | None = None
    partition: str | None = None
    image: str | None = None
    volume: str | None = None
    restarts: int = 20

    def __post_init__(self) -> None:
        """Check every option."""
        for name, (pattern, example) in PATTERNS.items():
            given = getattr(self, name)
            if given is not None and not re.fullmatch(pattern, given, re.ASCII):
                raise ArgumentError(
                    f"--{name} is not of the form that schedulers read.",
                    received=f"--{name} {given!r}",
                    hint=f"--{name} {example}",
                )

    def with_processes(self, n: int | None) -> Asked:
        """Train in so many processes; None: one for each GPU, or one."""
        return replace(self, processes=n or max(1, self.n_gpus))

    @property
    def name(self) -> str:
        """The job's name: that of the recipe, in the letters that every scheduler allows."""
        kept = re.sub(r"[^a-z0-9]+", "-", self.recipe.stem.lower()).strip("-")[:LONGEST_NAME]
        return f"luthier-{kept.strip('-') or 'run'}"

    @property
    def n_gpus(self) -> int:
        """Number of GPUs."""
        return int(self.gpus.rpartition(":")[2]) if self.gpus else 0

    @property
    def kind_of_gpu(self) -> str | None:
        """Kind of the GPUs, if one is named."""
        return self.gpus.rpartition(":")[0] or None if self.gpus else None

    def command(self, *, below: str | None = None) -> list[str]:
        """Return the words of the command that begins the run, and resumes it.

        Args:
            below: Folder that the run's folder is in, on another machine; None: where it is here.
        """
        out = str(self.out) if below is None else f"{below}/{self.out.as_posix()}"
        words = ["luthier", "run", f"--out={out}"]
        words += [f"--processes={self.processes}"] if self.processes > 1 else []
        return [*words, "--", str(self.recipe), *self.overrides]  # a name may begin with a dash

    def spelled(self, *, below: str | None = None) -> str:
        """Return the command as a line of a shell."""
        return shlex.join(self.command(below=below))

    def refuse(self, *names: str, scheduler: str) -> None:
        """Raise if an option was given that a scheduler does not have.

        Raises:
            ArgumentError: One was.
        """
        for name in names:
            if getattr(self, name) is not None:
                raise ArgumentError(
                    f"Jobs of {scheduler} have no such option.",
                    received=f"--{name} {getattr(self, name)} --to {scheduler}",
                    hint=f"leave out --{name}",
                )

    def require(self, name: str, *, scheduler: str, why: str) -> str:
        """Return an option that a scheduler cannot do without.

        Raises:
            ArgumentError: It was not given.
        """
        given = getattr(self, name)
        if given is None:
            example = PATTERNS[name][1]
            raise ArgumentError(
                f"A job of {scheduler} needs --{name}: {why}.",
                received=f"--to {scheduler} without --{name}",
                hint=f"--{name} {example}",
            )
        return str(given)

    def refuse_elsewhere(self, *, scheduler: str) -> None:
        """Raise if the recipe or the run's folder is not below the folder of the command.

        Raises:
            ArgumentError: One is not, so that it would not be on the other machine.
        """
        for name, path in (("the recipe", self.recipe), ("--out", self.out)):
            if path.is_absolute() or ".." in path.parts:
                raise ArgumentError(
                    f"The job runs on a machine of its own, which has this folder: {name} must "
                    "be in it.",
                    received=f"{path} --to {scheduler}",
                    hint="give the command in a folder that holds the recipe and its data, with "
                    "names relative to it",
                )
