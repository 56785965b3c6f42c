"""What a run was computed on: the machine, library versions, the command and its start."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import psutil

from luthier import __version__
from luthier.errors import RecipeError
from luthier.ranks import n_processes

PACKAGES = (
    *("torch", "transformers", "tokenizers", "accelerate", "peft", "datasets", "safetensors"),
    *("numpy", "scipy", "scikit-learn", "pyarrow"),
)
TRAINING = frozenset(  # modules that the extra `train` brings
    (
        *("torch", "transformers", "accelerate", "datasets", "peft", "safetensors", "scipy"),
        *("sklearn", "pyarrow", "ftfy", "jinja2", "markupsafe", "sentencepiece", "sacrebleu"),
        *("rouge_score", "pycrfsuite", "rapidfuzz", "huggingface_hub", "tokenizers"),
    )
)
EXTRAS = ("tensorflow", "keras", "keras-hub")  # listed only if installed


def describe() -> dict[str, Any]:
    """Describe the machine and the software, as kept in `environment.json`."""
    return {
        "luthier": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": _cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": _gpu(),
        "processes": n_processes(),
        "packages": describe_packages(),
        "command": shlex.join(map(_without_folders, sys.argv)),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _without_folders(argument: str) -> str:
    """Cut an absolute path, alone or behind a field's name, to its last part."""
    field, equals, value = argument.rpartition("=")
    return f"{field}{equals}{Path(value).name}" if Path(value).is_absolute() else argument


def describe_packages() -> dict[str, str | None]:
    """Return the versions of the libraries that compute."""
    extras = [name for name in EXTRAS if version_of(name) is not None]
    return {name: version_of(name) for name in (*PACKAGES, *extras)}


def install_command(extra: str) -> str:
    """Return the command that installs one of Luthier's extras here, into this Python."""
    editable = ["-e"] if _recorded().get("dir_info", {}).get("editable") else []
    wanted = source_of_luthier(f"[{extra}]")
    return shlex.join([sys.executable, "-m", "pip", "install", *editable, wanted])


def source_of_luthier(extra: str = "") -> str:
    """Return where pip finds this Luthier, with an extra in brackets.

    Luthier is installed from a clone or a URL, which pip recorded; only a copy from a package index
    can be named by its bare name.
    """
    source = _recorded()
    wanted, url = f"luthier{extra}", source.get("url", "")
    if "dir_info" in source:
        return f"{url2pathname(urlparse(url).path)}{extra}"
    if url:
        return f"{wanted} @ {f'git+{url}' if 'vcs_info' in source else url}"
    return wanted


def _recorded() -> dict[str, Any]:
    """Read what pip recorded of where Luthier is from."""
    try:
        found: dict[str, Any] = json.loads(
            distribution("luthier").read_text("direct_url.json") or "{}"
        )
    except PackageNotFoundError:  # run from its sources alone
        return {}
    return found


@contextmanager
def needing(extra: str, problem: str) -> Iterator[None]:
    """Say which extra brings what is imported within, where it is not installed.

    Args:
        extra: The extra.
        problem: A sentence that says what is needed.

    Raises:
        RecipeError: It is not installed; the hint installs it.
    """
    try:
        yield
    except ImportError as missing:
        hint = install_command(extra)
        raise RecipeError(problem, received=str(missing), hint=hint) from missing


def lacking(problem: ImportError) -> RecipeError | None:
    """Say that what only the extra `train` brings is not installed; None if that is not it."""
    module = (problem.name or "").partition(".")[0]
    if not isinstance(problem, ModuleNotFoundError) or module not in TRAINING:
        return None
    return RecipeError(
        "This needs what trains and reads models of PyTorch, which is not installed here.",
        received=f"no module {module}; answering from an export to ONNX needs none of it",
        hint=install_command("train"),
    )


def cache_folder() -> Path:
    """Return the folder of what was computed once and can be again: `LUTHIER_CACHE` moves it."""
    asked = os.environ.get("LUTHIER_CACHE")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "luthier"
    return Path(asked) if asked else usual


def threads_to_use() -> int:
    """Count the threads to compute with: those of OMP_NUM_THREADS, else a thread a usable core."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(asked) if asked.isdecimal() and int(asked) else usable_cores()


def usable_cores() -> int:
    """Count the processors this process may use; a container may grant fewer than exist."""
    quota = _quota(Path("/sys/fs/cgroup/cpu.max"))
    return _cores() if quota is None else max(1, min(_cores(), math.ceil(quota)))


def _quota(limits: Path) -> float | None:
    """Read how many processors a container grants (Linux, cgroup v2); None if no limit is known."""
    try:
        granted, period = limits.read_text(encoding="ascii").split()
        return None if granted == "max" else int(granted) / int(period)
    except (OSError, ValueError):
        return None


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # only on Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _gpu() -> str | None:
    """Return the GPU's name, if PyTorch is imported and sees one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package that is installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
