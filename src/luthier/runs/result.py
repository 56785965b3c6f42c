"""The result of a finished run: sealed by a manifest, and verified when it is read.

    manifest.json   size and sha256 of the model, the documents, the predictions and the recipe

Left out is what may be written anew (the report, model cards, TensorBoard's curves) and what is
gone or changes after the end. Runs of versions before 0.2 have no manifest: of them, documents are
compared with each other alone (`agreement.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from luthier.declarations import JSON
from luthier.errors import RunError
from luthier.hf_types import Config
from luthier.records import Target
from luthier.runs.agreement import disagreements, names_differ
from luthier.runs.files import is_temporary
from luthier.runs.seals import (
    MANIFEST,
    DamagedError,
    announce,
    read_manifest,
    relist,
    verify_file,
    write_manifest,
)

MODELS = ("model", "adapter")
NOT_SEALED = ("checkpoints", "tensorboard", "tracking", "status.json", MANIFEST)
SEALED_KINDS = (".json", ".jsonl", ".yaml")  # of files beside the models
AGAIN = "copy the run's folder whole, or run its recipe again"
TITLES = (".md",)  # cards, which people complete


def seal(folder: Path) -> None:
    """Write the manifest of a result that is complete."""
    write_manifest(folder, sorted(_sealed(folder)))


def unseal(folder: Path) -> None:
    """Remove the manifest of a result that will be written anew."""
    (folder / MANIFEST).unlink(missing_ok=True)


def is_sealed(folder: Path) -> bool:
    """Say whether a folder holds a sealed result."""
    return (folder / MANIFEST).is_file()


def announce_new(folder: Path, name: str, written: Path) -> None:
    """Prepare the manifest before a file of a sealed result is replaced; `renew` follows."""
    if is_sealed(folder) and name not in NOT_SEALED:
        with _telling_of_damage():
            announce(folder, name, written)


def renew(folder: Path, name: str) -> None:
    """Bring the manifest up to date after a file of a sealed result was written anew."""
    if is_sealed(folder) and name not in NOT_SEALED:
        with _telling_of_damage():
            relist(folder, name)


def _sealed(folder: Path) -> Iterator[Path]:
    """Walk over the files of a result that its manifest lists."""
    for path in folder.rglob("*"):
        first = path.relative_to(folder).parts[0]
        if first.startswith(".") or first in NOT_SEALED or is_temporary(path):
            continue
        is_listed = first in MODELS or path.suffix in SEALED_KINDS
        if is_listed and path.suffix not in TITLES and path.is_file():
            yield path


def verify(folder: Path, status: Mapping[str, JSON]) -> None:
    """Compare a finished result with its manifest; that takes about a second a gigabyte.

    Args:
        folder: The run folder.
        status: The run's status, which says whether there was a manifest.

    Raises:
        RunError: A file is missing or changed; the error names it.
    """
    if not is_sealed(folder) and not status.get("sealed"):
        return
    with _telling_of_damage():
        for name, listed in read_manifest(folder)["files"].items():
            first = Path(name).parts[0]
            if first not in MODELS or (folder / first).is_dir():  # studies keep no models
                verify_file(folder, name, listed)


def refuse_disagreement(folder: Path) -> None:
    """Raise if documents of a finished run without a manifest say otherwise than each other.

    Raises:
        RunError: They do; the error names them, and what they say.
    """
    if not is_sealed(folder):
        for found in disagreements(folder):
            raise _disagrees(found)


def seal_model(folder: Path) -> None:
    """Write the manifest of a model that stands alone, such as an export, once it is complete."""
    files = (path for path in folder.rglob("*") if path.is_file())
    write_manifest(folder, sorted(path for path in files if path.suffix not in TITLES))


def verify_model(folder: Path) -> None:
    """Compare a model that stands alone with its manifest, or with that of the run it lies in.

    Without either, as in a checkpoint that others wrote, nothing is compared.

    Raises:
        RunError: A file is missing or changed; the error names it.
    """
    place, inside = (folder, "") if is_sealed(folder) else (folder.parent, f"{folder.name}/")
    if not is_sealed(place) or (inside and folder.name not in MODELS):
        return
    with _telling_of_damage("model", "copy its folder whole, or delete its manifest.json"):
        for name, listed in read_manifest(place)["files"].items():
            if name.startswith(inside):
                verify_file(place, name, listed)


def refuse_other_labels(path: Path, target: Target, config: Config) -> None:
    """Raise if a run's target and its model's configuration do not name the same labels.

    Raises:
        RunError: They differ: answers would carry the wrong names.
    """
    known = getattr(config, "id2label", None)
    if names_differ(target, known):
        raise _disagrees(
            f"{path}: target.json names {', '.join(target.names[:5])}; "
            f"the model's configuration {', '.join(map(str, (known or {}).values()))[:200]}"
        )


def _disagrees(what: str) -> RunError:
    return RunError("This run is damaged: its documents disagree.", received=what, hint=AGAIN)


@contextmanager
def _telling_of_damage(what: str = "run", hint: str = AGAIN) -> Iterator[None]:
    """Turn a `DamagedError` into an error that a user understands."""
    try:
        yield
    except DamagedError as problem:
        told = f"This {what} is damaged: a file is not as it was written."
        raise RunError(told, received=str(problem), hint=hint) from problem
