"""This process: which one it is, the most memory it has used, and memory returned to the system."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import psutil

MEBI, GIBI = 2**20, 2**30
M_MMAP_THRESHOLD = -3  # as malloc.h names it
_STATUS = Path("/proc/self/status")

_was_reset = False  # whether the peak is measured from `reset_peak_memory` on


def this_process() -> dict[str, Any]:
    """Identify this process, so that another one can tell whether it still runs."""
    born = psutil.Process().create_time()
    return {"process": os.getpid(), "host": socket.gethostname(), "born": born}


def age() -> float:
    """Return the seconds since this process was started."""
    return time.time() - float(psutil.Process().create_time())


@contextmanager
def importing() -> Iterator[None]:
    """Import libraries without searching them for garbage, then or later: a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def is_dead(process: Mapping[str, Any]) -> bool:
    """Return True if a process on this machine, as `this_process` identified it, has ended."""
    if process.get("host") != socket.gethostname():
        return False
    try:
        born = psutil.Process(int(process["process"])).create_time()
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return True
    return bool(abs(born - float(process.get("born", born))) > 1)  # the number has been reused


def take_output() -> TextIO:
    """Keep the output for what another process reads; what libraries print goes where errors go."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(kept, "w", encoding="utf-8")


def total_memory() -> int:
    """Return the bytes of memory of this machine."""
    return int(psutil.virtual_memory().total)


def memory_facts() -> str:
    """Say how much memory this process holds, may hold, and how much of the machine's is free."""
    held, machine = psutil.Process().memory_info(), psutil.virtual_memory()
    limit = _memory_limit()
    bound = f" of at most {limit / GIBI:.2f} GiB (ulimit -v)" if limit else ""
    size = held.vms if limit else held.rss
    return (
        f"this process holds {size / GIBI:.2f}{bound or ' GiB'}; "
        f"{machine.available / GIBI:.2f} of {machine.total / GIBI:.2f} GiB are free"
    )


def _memory_limit() -> int | None:
    """Return the bytes of addresses that this process may take (`ulimit -v`); None: any number."""
    try:
        import resource
    except ImportError:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def peak_memory_mib() -> float:
    """Return this process's peak memory in MiB, since its start or `reset_peak_memory`."""
    if _was_reset and (peak := re.search(r"VmHWM:\s+(\d+)", _STATUS.read_text("ascii"))):
        return round(int(peak[1]) / 1024, 1)
    try:
        import resource
    except ImportError:  # Windows keeps the peak elsewhere
        return float(psutil.Process().memory_info().peak_wset / MEBI)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (MEBI if sys.platform == "darwin" else 1024), 1)


def reset_peak_memory() -> None:
    """Measure peak memory from now on, where the system supports it (Linux)."""
    global _was_reset
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        _was_reset = True
    except OSError:
        _was_reset = False


def release_memory() -> None:
    """Return freed memory to the system, where the C library can (glibc).

    Batches of ever different shapes fragment the heap: without this, the memory of a long
    prediction grows although nothing more is held.
    """
    if trim := _malloc_trim():
        trim(0)


def return_large_blocks() -> None:
    """Have the C library (glibc) return blocks of a mebibyte or more when they are freed.

    Otherwise it keeps up to twice what is in use, where large blocks come and go at every step.
    """
    with suppress(OSError, AttributeError, TypeError):  # not glibc, or Windows
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MEBI)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc, or Windows
        return None
