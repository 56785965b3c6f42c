"""Runs of a study on a Ray cluster: a task each, which gives a command such as `luthier run` there.

The cluster's machines see the study's folder under the same path, as they do on one machine or on a
shared file system. Results are read from run folders alone, so they are those of a study without
Ray. https://docs.ray.io/en/latest/ray-core/tasks.html
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from luthier.environment import needing
from luthier.errors import RunError
from luthier.studies.jobs import Begin, Command
from luthier.studies.workers import Workers

LONGEST = 4000  # characters kept of what a run said
UNSEEN, STOPPED = 2, 143  # exit codes


@contextmanager
def ray_cluster(workers: Workers) -> Iterator[tuple[Begin, int]]:
    """Join a cluster; give what begins a run on it, and how many it makes at once.

    Raises:
        RecipeError: Ray is not installed.
        RunError: There is no cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with needing("ray", "Runs are made on a Ray cluster by a library that is not installed."):
        import ray
    address = os.environ.get("RAY_ADDRESS", "auto")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except ConnectionError as problem:
        raise RunError(
            "There is no Ray cluster to make runs on.",
            received=f"RAY_ADDRESS={address}: {str(problem).splitlines()[0]}",
            hint="ray start --head, or RAY_ADDRESS with the address of one",
        ) from None
    try:
        owned = ray.cluster_resources()
        has_gpus = owned.get("GPU", 0) >= 1
        room = int(owned.get("GPU" if has_gpus else "CPU", 1))
        task = ray.remote(num_cpus=1, num_gpus=int(has_gpus), max_retries=0)(run_there)

        stops: dict[Path, None] = {}
        name = f".stop-{secrets.token_hex(8)}"

        def begin(command: Command) -> RayTask:
            command = replace(command, place=command.place.absolute())
            command.place.parent.mkdir(parents=True, exist_ok=True)  # which the others must see
            stop = command.place.parent / name
            stops[stop] = None
            return RayTask(task.remote(command, os.getcwd(), str(stop)), stop)

        try:
            yield begin, min(workers.n or room, room)
        finally:
            for stop in stops:
                stop.unlink(missing_ok=True)
    finally:
        ray.shutdown()


class RayTask:
    """A run on the cluster, with the face of a process.

    Args:
        reference: Ray's reference to what the task returns.
        stop: A file that asks the task to end, once it is there; Ray's own way of cancelling does
            not wait until a run has saved itself.
    """

    def __init__(self, reference: Any, stop: Path):
        self._reference, self._stop = reference, stop
        self.returncode: int | None = None
        self._said = ""

    def poll(self) -> int | None:
        """Return the exit code, or None while the run goes on."""
        import ray

        if self.returncode is None and ray.wait([self._reference], timeout=0)[0]:
            self._take()
        return self.returncode

    def _take(self) -> None:
        import ray

        try:
            self.returncode, self._said = ray.get(self._reference)
        except ray.exceptions.RayError as problem:  # its machine or its worker is gone
            self.returncode, self._said = 1, f"Error: {str(problem).splitlines()[0]}"

    def terminate(self) -> None:
        """Ask the run to save itself and end."""
        self._stop.touch()

    def wait(self) -> int | None:
        """Wait until the run has ended."""
        if self.returncode is None:
            self._take()
        return self.returncode

    def said(self) -> str:
        """Return what the run said of its failure."""
        return self._said


def run_there(command: Command, folder: str, stop: str) -> tuple[int, str]:
    """Give a command in a worker of the cluster; return its exit code and the end of its words."""
    if Path(stop).exists():
        return STOPPED, ""
    seen = command.place.parent
    if not seen.is_dir() or not Path(folder).is_dir():
        return UNSEEN, (
            "Error: A machine of the Ray cluster does not see the study's folder.\n"
            f"  received: no {seen} on {os.uname().nodename}\n"
            "  fix:      --out on a file system that all machines share"
        )
    with tempfile.TemporaryDirectory(prefix="luthier-ray-") as scratch:
        said = Path(scratch) / "said.txt"
        with said.open("wb") as heard:
            child = subprocess.Popen(
                [sys.executable, "-m", *command.written(Path(scratch))],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=heard,
            )
        while child.poll() is None and not Path(stop).exists():
            time.sleep(0.2)
        if child.poll() is None:
            child.terminate()
        code = child.wait()
        return code, said.read_text(encoding="utf-8", errors="replace")[-LONGEST:]
