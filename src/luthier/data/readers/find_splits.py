"""Finds the files of each split in a folder, or beside a file, by their names.

    data/train.csv  data/dev.csv  data/test.jsonl     one file a split, of any formats
    data/ner_train.tsv  data/ner_test.tsv             with more in their names
    data/train-00000-of-00002.parquet …               several files a split
    data/train.en  data/train.de  data/test.en …      parallel files
    data/corpus.en.txt  data/corpus.de.txt            likewise, if their lines are as many
    data/train/  data/test/                           a folder a split, also of parallel files

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

_LANGUAGE = re.compile(r"(.*\.)([a-z]{2,3}(?:[_-][A-Za-z]{2,4})?)()")  # train.de, train.zh-CN
_IN_TEXTS = re.compile(r"((?:.*[._-])?)([a-z]{2})(\.txt)")  # train.de.txt, train_de.txt, de.txt
CODES = (  # of ISO 639-1, those that are looked for in the names of texts
    "af ar az be bg bn bs ca cs cy da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it "
    "ja ka kk km kn ko lt lv mk ml mn mr ms mt my nb ne nl nn no pa pl ps pt ro ru si sk sl sq sr "
    "sv sw ta te th tl tr uk ur uz vi xh zh zu"
)

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
    named = _language_in(path.name)
    if path.is_file() and named and (braced := _parallel(path.parent, named[1]).get(path.name)):
        return _beside(path, str(path.parent / braced))
    return _beside(path, source)


def _beside(path: Path, source: str) -> FoundSplits:
    """Take the files beside the training rows whose names differ in the split alone."""
    own = split_name(_stem(Path(source).name))
    if own is None or own.split != "train" or not path.parent.is_dir():
        return FoundSplits(source)
    try:
        named = _named_in(path.parent, (_language_in(path.name) or ("", "", ""))[1])
    except DataError as problem:  # it is not about what the user named
        return FoundSplits(source, notes=(f"nothing beside {path} is used: {problem.problem}",))
    alike = [one for one in named if one.name.rest == own.rest]
    chosen, told = _choose(alike, ("validation", "test"))
    shards = [one.source for one in alike if one.name.split == "train" and one.name.is_shard]
    train: Source = shards if own.is_shard and len(shards) > 1 else source
    return FoundSplits(train, chosen.get("validation"), chosen.get("test"), tuple(told))


def _in_folder(folder: Path) -> FoundSplits | None:
    """Take the files of a folder as the splits that they say; None if none says train.

    Two parallel files that are alone in it are the training rows, whatever their name.
    """
    pairs, named = _parallel(folder), _named_in(folder)
    if not named and (pair := _pair_in(folder)):
        return FoundSplits(pair)
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
    left = [one for one in _names(folder) if one not in pairs and str(folder / one) not in used]
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
    pairs = _parallel(folder, language)
    sources = [str(folder / name) for name in _names(folder) if name not in pairs]
    sources += [str(folder / braced) for braced in dict.fromkeys(pairs.values())]
    folders = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.is_symlink()]
    named = [(source, split_name(_stem(Path(source).name))) for source in sources]
    for path in folders:
        pair = _pair_in(path)
        if pair or files_in(path) or class_folders(path):
            named.append((pair or str(path), split_name(_stem(path.name))))
    return [_Named(source, name) for source, name in named if name is not None]


def _pair_in(folder: Path) -> str | None:
    """Name two parallel files that have a folder to themselves, but for files of other kinds."""
    pairs = _parallel(folder)
    left = [name for name in _names(folder) if name not in pairs and not name.endswith(".md")]
    if left or len({*pairs.values()}) != 1:
        return None
    return str(folder / next(iter(pairs.values())))


def _names(folder: Path) -> list[str]:
    return [path.name for path in files_in(folder)]


def _stem(name: str) -> str:
    """Leave out the ending of a name if it tells a format, or languages."""
    path = Path(name)
    return path.stem if path.suffix.lower() in KINDS or "{" in path.suffix else name


def _parallel(folder: Path, language: str = "") -> Mapping[str, str]:
    """Map the names of parallel files in a folder to the one name that stands for both.

    Files are parallel if their names differ in the code of a language at their end alone. First
    comes the language asked for, else that of the folder's name (`en-de`), else English.
    """
    codes: dict[tuple[str, str], list[str]] = {}
    for path in sorted(folder.iterdir()) if os.access(folder, os.R_OK) else ():
        found = _language_in(path.name)
        if found is None or not path.is_file():
            continue
        if not (path.is_symlink() and leads_out(path, folder)):
            head, code, end = found
            codes.setdefault((head, end), []).append(code)
    named = re.split(r"[^a-z]+", folder.absolute().name.casefold())  # multi30k-en-de
    place = {code: place for place, code in enumerate(named)}

    def order(code: str) -> tuple[bool, int, bool, str]:
        return code != language, place.get(code, len(named)), code != "en", code

    pairs: dict[str, str] = {}
    for (head, end), found_codes in codes.items():
        paths = [folder / f"{head}{code}{end}" for code in found_codes]
        if len(paths) == 2 and (not end or len({*map(_n_lines, paths)}) == 1):
            braced = f"{head}{{{','.join(sorted(found_codes, key=order))}}}{end}"
            pairs |= {path.name: braced for path in paths}
    return pairs


def _language_in(name: str) -> tuple[str, str, str] | None:
    """Part a name at the code of a language; None if it has none.

    >>> _language_in("train.de"), _language_in("corpus_de.txt"), _language_in("my_on.txt")
    (('train.', 'de', ''), ('corpus_', 'de', '.txt'), None)
    """
    if (text := _IN_TEXTS.fullmatch(name)) and text[2] in CODES.split():
        return text[1], text[2], text[3]
    found = _LANGUAGE.fullmatch(name)
    if found is None or f".{found[2]}".lower() in KINDS:
        return None
    return found[1], found[2], found[3]


def _n_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)
