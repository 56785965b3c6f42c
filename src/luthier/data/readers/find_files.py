"""Finds the files that a recipe's source (`train: …`) refers to.

A source is a file, a folder of files of one kind, a folder that has a folder of texts, images or
sounds for each label, `train.{en,de}` (parallel files), or `package:NAME/FILE`, a file of an
installed package (which is looked up, never imported). `hub:NAME` is read by `hub.py`. Next:
`find_splits.py`, which finds what belongs together.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from luthier.data.readers.form import MisreadError
from luthier.data.readers.line_pairs import SHAPE, check_files, expand
from luthier.data.readers.sniff import sniff_format
from luthier.data.readers.split_names import split_name
from luthier.errors import DataError, nearest
from luthier.media import images, sounds
from luthier.paths import is_package_name, leads_out

KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".conll": "conll",
    ".conllu": "conll",
    ".iob": "conll",
    ".iob2": "conll",
    ".bio": "conll",
    ".tags": "conll",
    ".txt": "text",
    ".md": "text",
    ".ann": "brat",
    ".tmx": "tmx",
    ".xlf": "xliff",
    ".xliff": "xliff",
    ".sdlxliff": "xliff",
    ".tar": "webdataset",
}
MEDIA = {"image": images.ENDINGS, "audio": sounds.ENDINGS}
READABLE = (
    ".csv, .tsv, .json, .jsonl, .parquet, .arrow, .feather, .conll, .txt, .ann, .tmx, .xlf, .tar"
)
UNLABELLED = ("unsup", "unlabeled", "unlabelled")  # folders of texts that have no label
BESIDE = (".md", ".txt")  # files that describe the data in their folder, or belong to .ann files
SAVED = ("dataset_info.json", "state.json")  # what `datasets` saves beside its Arrow files
INSTEAD = {
    ".xlsx": "in Excel: save as CSV UTF-8",
    ".xls": "in Excel: save as CSV UTF-8",
    ".gz": "unpack it first: gunzip --keep {name}",
    ".zip": "unpack it first: unzip {name}",
    ".pkl": "a pickle can run code; write the frame with to_parquet instead",
    ".pickle": "a pickle can run code; write the frame with to_parquet instead",
    ".joblib": "it can run code; write the frame with to_parquet instead",
    ".npy": "it can hold pickles; write a table with to_parquet instead",
    ".npz": "it can hold pickles; write a table with to_parquet instead",
}
INSTEAD |= dict.fromkeys((".bz2", ".xz", ".zst", ".7z", ".rar", ".tgz"), "unpack it first")


@dataclass(frozen=True)
class File:
    """A file to read.

    Args:
        path: The path of the file.
        kind: The format of the file, a value of `KINDS`, `parallel` or `labelled`.
        name: The name of the file in messages.
        parts: The column and path of each of several parallel files.
        label: The label of the whole file, where its folder tells it.
    """

    path: Path
    kind: str
    name: str
    parts: tuple[tuple[str, Path], ...] = ()
    label: str = ""


def refuse_missing(source: object, kind: str | None = None) -> None:
    """Raise if a file that a source refers to is not there; nothing is read.

    Raises:
        DataError: There is no such file, or none in a format that can be read.
    """
    for part in source if isinstance(source, (list, tuple)) else [source]:
        if isinstance(part, str) and not part.startswith(("memory:", "hub:")):
            find_files(part, kind)


def find_files(source: str | Path, kind: str | None = None) -> list[File]:
    """Find the files that a source refers to, in order.

    Args:
        source: The source.
        kind: The format of the files; None takes it from their endings.

    Raises:
        DataError: There is no such file, or none in a format that can be read.
    """
    text = str(source)
    if text.startswith("package:"):
        path = _in_package(text.removeprefix("package:"))
        return [File(path, kind or kind_of(path), text)]
    if re.match(r"\w+://", text):
        raise DataError(
            "Files are not downloaded.",
            received=text,
            hint="download it, then give its path; or hub:NAME for a data set of the hub",
        )
    path = Path(text)
    try:
        path = path.expanduser()
        if path.is_dir():
            return _in_folder(path, kind)
        if path.is_file():
            return [File(path, kind or kind_of(path), text)]
        exists = path.exists()
        if not exists and (parts := expand(text)):
            check_files(text, parts)
            return [File(path, "parallel", text, tuple(parts.items()))]
    except (OSError, RuntimeError, ValueError) as problem:
        raise DataError(
            f"'{text[:80]}' is not a path that can be opened.",
            received=str(problem)[:120],
            hint="a file, a folder, train.{en,de}, package:NAME/FILE or hub:NAME",
        ) from problem
    if path.is_symlink() and not exists:
        raise DataError(
            f"{text} is a link that leads nowhere, or to itself.",
            received=f"it points to {os.readlink(path)}",
            hint="put the file itself in its place",
        )
    if exists:
        raise DataError(f"{text} is not a regular file.", received="a device or a pipe", hint=None)
    raise _not_found(path, text)


def kind_of(path: Path) -> str:
    """Return a file's format by its suffix.

    Raises:
        DataError: Files with that suffix cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in KINDS:
        return KINDS[suffix]
    problem = f"{path.name}: the file name needs a suffix that tells its format."
    if suffix:
        problem = f"{path.name}: files ending in '{suffix}' cannot be read."
    if suffix not in INSTEAD and (kind := sniff_format(path)) is not None:
        raise MisreadError(
            problem, received=path.name, hint=f"data.format={kind}", proposed={"format": kind}
        )
    hint = INSTEAD.get(suffix, f"data.format=csv, say; or a file in {READABLE}")
    raise DataError(problem, received=path.name, hint=hint.replace("{name}", str(path)))


def _not_found(path: Path, text: str) -> DataError:
    folder = path.parent
    hint = f"there is no folder {folder} either"
    if folder.is_dir():
        try:
            names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in KINDS)
        except OSError:
            names = []
        close = nearest(path.name, names)
        hint = f"files there: {', '.join(names[:8])}" if names else f"{folder} has no data files"
        if close:
            hint = f"did you mean {folder / close}?"
    if "*" in text or "?" in text:
        hint = "wildcards are not supported; give the folder, or a list of files"
    if "{" in text:
        hint = SHAPE
    return DataError(f"There is no file {text}.", received=text, hint=hint)


def files_in(folder: Path, kind: str | None = None) -> list[Path]:
    """List the data files of a folder, without those that describe them.

    Args:
        folder: The folder.
        kind: The format of the files; files of other endings count if none ends so. None takes
            the format from the endings.

    Raises:
        DataError: The folder cannot be listed, or a link leads out of it.
    """
    files = [path for path in _inside(folder) if path.is_file()]
    if kind is None:
        paths = [path for path in files if path.suffix.lower() in KINDS]
    else:
        paths = [path for path in files if KINDS.get(path.suffix.lower()) == kind] or files
    if any(path.suffix.lower() == ".arrow" for path in paths):
        paths = [path for path in paths if path.name not in SAVED]
    for path in paths:
        if path.is_symlink() and leads_out(path, folder):
            raise DataError(
                f"{path.name} is a link that leads out of the folder {folder}.",
                received=f"{path} -> {os.readlink(path)}",
                hint=f"name the file, if it is meant: data.train={path}",
            )
    for ending in BESIDE if kind is None else ():
        paths = [path for path in paths if path.suffix.lower() != ending] or paths
    return paths


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """Map labels to files, if a folder has nothing but a folder of texts for each label.

    Instead of .txt files these may be images, or sounds.
    """
    if files_in(folder):
        return {}
    folders = [path for path in _inside(folder) if path.is_dir() and not path.is_symlink()]
    folders = [path for path in folders if path.name not in UNLABELLED]
    for endings in ((".txt",), *MEDIA.values()):
        files = {path.name: _of_endings(path, endings) for path in folders}
        files = {label: paths for label, paths in files.items() if paths}
        if len(files) > 1 and not any(map(split_name, files)):
            return files
    return {}


def _of_endings(folder: Path, endings: Sequence[str]) -> list[Path]:
    """List the files of a folder that have these endings; none if there are data files besides."""
    others = [path for path in files_in(folder) if path.suffix.lower() not in endings]
    inside = [path for path in _inside(folder) if path.suffix.lower() in endings]
    return [] if others else [one for one in inside if one.is_file() and not leads_out(one, folder)]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError as problem:
        received = problem.strerror or str(problem)
        raise DataError(f"{folder} cannot be listed.", received=received, hint=None) from problem


def _in_folder(folder: Path, kind: str | None) -> list[File]:
    paths = files_in(folder, kind)
    if kind is not None and paths:
        return [File(path, kind, str(path)) for path in paths]
    kinds = Counter(KINDS[path.suffix.lower()] for path in paths)
    if texts := class_folders(folder):
        return [
            File(path, _kind_in_class(path), str(path), label=label)
            for label, labelled in texts.items()
            for path in labelled
        ]
    inside = _inside(folder)
    sources = [*paths, *(path for path in inside if path.is_dir())]
    named = {name.split: path for path in sources if (name := split_name(path.stem)) is not None}
    if "train" in named and len(named) > 1:
        splits = [one for one in ("train", "validation", "test") if one in named]
        raise DataError(
            f"The folder {folder} has files of several splits.",
            received=", ".join(path.name for path in sources[:8]),
            hint=f"name the files: {' '.join(f'data.{one}={named[one]}' for one in splits)}",
        )
    unnamed = [path for path in paths if split_name(path.stem) is None]
    if named and "train" not in named and len(named) + len(unnamed) > 1:
        train = unnamed[0] if unnamed else named["validation"]
        fields = {"train": train} | {one: path for one, path in named.items() if path != train}
        raise DataError(
            f"No file of the folder {folder} says that it has the training rows.",
            received=", ".join(path.name for path in [*named.values(), *unnamed][:8]),
            hint="put train.csv, say, beside them; or name the rows to train on: "
            + " ".join(f"data.{one}={path}" for one, path in fields.items()),
        )
    if not paths:
        raise DataError(
            f"The folder {folder} has no files that can be read.",
            received=", ".join(path.name for path in inside[:8]) or "an empty folder",
            hint=f"readable are {READABLE}",
        )
    if len(kinds) > 1:
        raise DataError(
            f"The folder {folder} has files of several kinds.",
            received=", ".join(f"{count} {kind}" for kind, count in kinds.items()),
            hint=f"name the files: data.train=[{', '.join(str(path) for path in paths[:2])}]",
        )
    return [File(path, KINDS[path.suffix.lower()], str(path)) for path in paths]


def _kind_in_class(path: Path) -> str:
    """Return what a file in the folder of a label is: `labelled`, `image` or `audio`."""
    ending = path.suffix.lower()
    return next((kind for kind, endings in MEDIA.items() if ending in endings), "labelled")


def _in_package(text: str) -> Path:
    """Find `NAME/FILE` in the installed package NAME, also by the unique end of its path."""
    package, _, inside = text.partition("/")
    known = _files_of(package)
    if not inside:
        raise DataError(
            f"Which file of the package {package}?",
            received=f"package:{text}",
            hint=_listing(package, known),
        )
    chosen = known.get(text) or known.get(inside)
    ends = [name for name in known if f"/{name}".endswith(f"/{inside}")]
    if chosen is None and len(ends) == 1:
        chosen = known[ends[0]]
    if chosen is None:
        close = nearest(inside, [*known, *(name.rpartition("/")[2] for name in known)])
        raise DataError(
            f"The package {package} has {'several files' if ends else 'no data file'} {inside}.",
            received=f"package:{text}",
            hint=_listing(package, ends or ([close] if close else known)),
        )
    return chosen


def _listing(package: str, names: Iterable[str]) -> str:
    some = list(names)[:5]
    if not some:
        return f"{package} has no files that can be read"
    return " or ".join(
        f"package:{name if name.startswith(f'{package}/') else f'{package}/{name}'}"
        for name in some
    )


def _files_of(package: str) -> dict[str, Path]:
    """Map the recorded names of a package's data files to paths on disk."""
    try:
        distribution = metadata.distribution(package)
        recorded = {file.as_posix(): Path(str(file.locate())) for file in distribution.files or ()}
    except (metadata.PackageNotFoundError, ValueError):
        recorded = {}
    if not recorded or not _readable(recorded):
        recorded |= _files_below(package)
    if not recorded:
        raise DataError(
            f"There is no installed package '{package}'.",
            received=f"package:{package}/…",
            hint=f"pip install {package}" if is_package_name(package) else "package:NAME/FILE",
        )
    return _readable(recorded)


def _readable(files: dict[str, Path]) -> dict[str, Path]:
    return {
        name: path
        for name, path in files.items()
        if path.suffix.lower() in KINDS
        and ".dist-info/" not in name
        and ".." not in name.split("/")
        and path.is_file()
    }


def _files_below(package: str) -> dict[str, Path]:
    """List the files of an importable package without records of its files (editable installs)."""
    module = package.replace("-", "_")
    try:
        spec = find_spec(module) if module.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return {}
    return {
        f"{module}/{path.relative_to(folder).as_posix()}": path
        for folder in map(Path, spec.submodule_search_locations or ())
        for path in sorted(folder.rglob("*"))
    }
