"""Finds the files of each split in a folder, or beside a file, by their names.

    data/train.csv  data/dev.csv  data/test.jsonl     one file a split, of any formats
    data/ner_train.tsv  data/ner_test.tsv             with more in their names
    data/train-00000-of-00002.parquet …               several files a split
    data/train.en  data/train.de  data/test.en …      parallel files
    data/train/  data/test/                           a folder a split

What is found are sources of rows as `find_files.py` reads them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from luthier.data.readers.find_files import KINDS, class_folders, files_in
from luthier.data.readers.split_names import WORDS, SplitName, split_name
from luthier.errors import DataError
from luthier.paths import leads_out

_LANGUAGE = re.compile(r"\.([a-z]{2,3}(?:[_-][A-Za-z]{2,4})?)")  # a suffix such as .de or .zh-CN

Source = str | list[str]


@dataclass(frozen=True)
class FoundSplits:
    """The source of each split's rows.

    Args:
        train: The training rows.
        validation: The validation rows; None if there are none of their own.
        test: Likewise.
        notes: What could not be decided, in words.
    """

    train: Source
    validation: Source | None = None
    test: Source | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Named:
    """A source of rows, and what its name says."""

    source: str
    name: SplitName


def find_splits(source: str) -> FoundSplits:
    """Find what belongs to a file or folder that the user named.

    Args:
        source: A path, or another source of rows, which is then taken as it is.

    Raises:
        DataError: Several files could be the training rows.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        found = _in_folder(path)
        return found if found is not None else _beside(path, source)
    if path.is_file() and (braced := _parallel(path.parent, path.suffix[1:]).get(path.name)):
        return _beside(path, str(path.parent / braced))
    return _beside(path, source)


def _beside(path: Path, source: str) -> FoundSplits:
    """Take the files beside the training rows whose names differ in the split alone."""
    own = split_name(_stem(Path(source).name))
    if own is None or own.split != "train" or not path.parent.is_dir():
        return FoundSplits(source)
    try:
        named = _named_in(path.parent, path.suffix[1:])
    except DataError as problem:  # it is not about what the user named
        return FoundSplits(source, notes=(f"nothing beside {path} is used: {problem.problem}",))
    alike = [one for one in named if one.name.rest == own.rest]
    chosen, told = _choose(alike, ("validation", "test"))
    shards = [one.source for one in alike if one.name.split == "train" and one.name.is_shard]
    train: Source = shards if own.is_shard and len(shards) > 1 else source
    return FoundSplits(train, chosen.get("validation"), chosen.get("test"), tuple(told))


def _in_folder(folder: Path) -> FoundSplits | None:
    """Take the files of a folder as the splits that they say; None if none says train."""
    named = _named_in(folder)
    trains = [one for one in named if one.name.split == "train"]
    rests = dict.fromkeys(one.name.rest for one in trains)
    if not rests:
        return None
    if len(rests) > 1:
        raise _several(trains)
    alike = [one for one in named if one.name.rest in rests]
    there = {one.name.split for one in alike}
    others = [one for one in named if one.name.split not in there]
    chosen, told = _choose([*alike, *others], tuple(WORDS))
    used = {part for one in chosen.values() for part in ([one] if isinstance(one, str) else one)}
    left = [path.name for path in files_in(folder) if str(path) not in used]
    left = [name for name in left if not any(Path(one).stem == Path(name).stem for one in used)]
    if left and not told:
        told = [f"{folder} has more files, which are not read: {', '.join(left[:8])}"]
    return FoundSplits(chosen["train"], chosen.get("validation"), chosen.get("test"), tuple(told))


def _choose(named: Sequence[_Named], splits: Iterable[str]) -> tuple[dict[str, Source], list[str]]:
    """Choose the source of each split; tell of those that cannot be chosen."""
    chosen: dict[str, Source] = {}
    told = []
    for split in splits:
        those = [one for one in named if one.name.split == split]
        if len(those) == 1:
            chosen[split] = those[0].source
        elif those and all(one.name.is_shard for one in those):
            chosen[split] = [one.source for one in those]
        elif those and split == "train":
            raise _several(those)
        elif those:
            names = ", ".join(Path(one.source).name for one in those[:8])
            told.append(
                f"several files could be the {split} rows, none of them is used: {names}; "
                f"name one: data.{split}={those[0].source}"
            )
    return chosen, told


def _several(trains: Sequence[_Named]) -> DataError:
    return DataError(
        "Several files could be the training rows.",
        received=", ".join(Path(one.source).name for one in trains[:8]),
        hint=f"name one of them: luthier init {trains[0].source}",
    )


def _named_in(folder: Path, language: str = "") -> list[_Named]:
    """List the sources in a folder whose names say a split; `language` comes first in pairs."""
    paths = files_in(folder)
    sources = [str(path) for path in paths]
    sources += [
        str(folder / braced) for braced in dict.fromkeys(_parallel(folder, language).values())
    ]
    sources += [
        str(path)
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.is_symlink() and (files_in(path) or class_folders(path))
    ]
    named = ((source, split_name(_stem(Path(source).name))) for source in sources)
    return [_Named(source, name) for source, name in named if name is not None]


def _stem(name: str) -> str:
    """Leave out the ending of a name if it tells a format, or languages."""
    path = Path(name)
    return path.stem if path.suffix.lower() in KINDS or "{" in path.suffix else name


def _parallel(folder: Path, language: str = "") -> Mapping[str, str]:
    """Map the names of parallel files in a folder to the one name that stands for both.

    Files are parallel if their names differ in the code of a language at their end alone. First
    comes the language asked for, else that of the folder's name (`en-de`), else English.
    """
    codes: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()) if os.access(folder, os.R_OK) else ():
        code = _LANGUAGE.fullmatch(path.suffix)
        if code is None or path.suffix.lower() in KINDS or not path.is_file():
            continue
        if not (path.is_symlink() and leads_out(path, folder)):
            codes.setdefault(path.stem, []).append(code[1])
    named = re.split(r"[^a-z]+", folder.absolute().name.casefold())  # multi30k-en-de
    place = {code: place for place, code in enumerate(named)}

    def order(code: str) -> tuple[bool, int, bool, str]:
        return code != language, place.get(code, len(named)), code != "en", code

    braces = {
        stem: f"{stem}.{{{','.join(sorted(found, key=order))}}}"
        for stem, found in codes.items()
        if len(found) == 2
    }
    return {f"{stem}.{code}": braced for stem, braced in braces.items() for code in codes[stem]}
