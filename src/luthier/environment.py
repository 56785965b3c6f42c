"""What a run was made on: versions, machine, command, time and memory."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import shlex
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from luthier import __version__

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "peft",
    "datasets",
    "safetensors",
    "numpy",
    "scipy",
    "scikit-learn",
    "pyarrow",
)
EXTRAS = ("tensorflow", "keras", "keras-hub")  # named where they are installed
MEBI = 2**20

_is_anew = False  # whether the peak is measured since `forget_peak`


def describe() -> dict[str, Any]:
    """Describe the machine and the software, as `environment.json` has them."""
    return {
        "luthier": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu(),
        "packages": describe_packages(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe_packages() -> dict[str, str | None]:
    """Give the versions of what computes."""
    extras = {name: _version(name) for name in EXTRAS}
    installed = {name: version for name, version in extras.items() if version is not None}
    return {**{name: _version(name) for name in PACKAGES}, **installed}


def this_process() -> dict[str, Any]:
    """Say which process this is, so that others can tell whether it is still there."""
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "born": psutil.Process().create_time(),
    }


def is_dead(process: Mapping[str, Any]) -> bool:
    """Say whether a process of this machine, as `this_process` named it, is no more."""
    if process.get("host") != socket.gethostname():
        return False
    try:
        born = psutil.Process(int(process["process"])).create_time()
    except (psutil.NoSuchProcess, KeyError, ValueError, TypeError):
        return True
    return abs(born - float(process.get("born", born))) > 1  # else the number was given anew


def peak_memory_mib() -> float:
    """Measure the most memory that this process has held so far, in MiB.

    After `forget_peak`, since then.
    """
    if (since := _peak_since()) is not None:
        return since
    try:
        import resource
    except ImportError:  # Windows keeps the peak elsewhere
        return float(psutil.Process().memory_info().peak_wset / MEBI)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (MEBI if sys.platform == "darwin" else 1024), 1)


def forget_peak() -> None:
    """Begin to measure the peak anew, where the system can (Linux)."""
    global _is_anew
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        _is_anew = True
    except OSError:
        _is_anew = False


def _peak_since() -> float | None:
    """Read the peak since `forget_peak`, in MiB; None where it is not known."""
    if not _is_anew:
        return None
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    words = next((line.split() for line in lines if line.startswith("VmHWM")), None)
    return round(int(words[1]) / 1024, 1) if words else None


def give_back_memory() -> None:
    """Give what was freed back to the system, where the C library can (glibc).

    Batches of ever other shapes leave holes in the heap: without this the memory of a long
    prediction creeps up although nothing more is held.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc, or Windows
        return None


def usable_cores() -> int:
    """Count the processors that this process may use: a container may grant less than there is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _cores()
    quota = _quota(Path("/sys/fs/cgroup/cpu.max"))
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(limits: Path) -> float | None:
    """Read how many processors a container is granted (Linux, cgroup v2); None: no limit known."""
    try:
        granted, period = limits.read_text(encoding="ascii").split()
        return None if granted == "max" else int(granted) / int(period)
    except (OSError, ValueError):
        return None


def _cores() -> int:
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _gpu() -> str | None:
    """Name the GPU, if PyTorch is in use and sees one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
