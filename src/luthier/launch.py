"""Starts the processes of a run on this machine, and ends them together.

Each is the same command with the environment that torchrun sets (`ranks.py`). The first one speaks;
the others are silent, unless it is gone.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from luthier.environment import usable_cores

LAUNCHER = "LUTHIER_LAUNCHER"  # number of the process that started this one
GRACE = 30.0  # seconds that processes have to end by themselves, once one has failed
SIGNALS = (signal.SIGINT, signal.SIGTERM)
Child = subprocess.Popen[bytes]


def run_together(arguments: Sequence[str], n: int) -> int:
    """Run `luthier ARGUMENTS` in several processes; return the exit code of the whole.

    Args:
        arguments: Arguments of the command line.
        n: Number of processes.
    """
    port = free_port()
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "luthier", *arguments],
            env=environment_of(rank, n, port),
            stdin=subprocess.DEVNULL,
            stdout=None if rank == 0 else subprocess.DEVNULL,
            process_group=0 if os.name == "posix" else None,  # Ctrl-C reaches it from here alone
        )
        for rank in range(n)
    ]
    try:
        with passing_on_signals(children):
            return _watch(children)
    finally:
        for one in children:
            if one.poll() is None:
                one.kill()


def environment_of(rank: int, n: int, port: int) -> Mapping[str, str]:
    """Make the environment of one process."""
    threads = max(1, usable_cores() // n)
    return {
        "OMP_NUM_THREADS": str(threads),
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # a process that is gone is reported in our own words
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        LAUNCHER: str(os.getpid()),
    }


def free_port() -> int:
    """Find a port of this machine that nothing listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def passing_on_signals(children: Sequence[Child]) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to all processes while the block runs."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        for one in children:
            if one.poll() is None:
                one.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(children: Sequence[Child]) -> int:
    """Wait for all; once one has failed, the others have some time to say why and end."""
    failed: int | None = None
    deadline = 0.0
    while any(one.poll() is None for one in children):
        if failed is None:
            failed = next((n for n, one in enumerate(children) if one.poll()), None)
            deadline = time.monotonic() + GRACE
        elif time.monotonic() > deadline:
            for one in children:
                if one.poll() is None:
                    one.terminate() if time.monotonic() < deadline + GRACE else one.kill()
        time.sleep(0.05)
    codes = [one.returncode for one in children]
    for rank, code in enumerate(codes):
        if code < 0:
            name = signal.Signals(-code).name
            sys.stderr.write(f"Process {rank} was ended by {name}.\n")
    if codes[0] == 0:  # it has judged, and recorded the run as finished
        return 0
    if codes[0] > 0:
        return codes[0]
    return 128 - codes[0]
