"""Reads from the name of a file or folder which split it holds: `train.csv`, `ner-dev.jsonl`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

WORDS = {
    "train": ("training", "trainset", "train", "trn"),
    "validation": ("validation", "development", "valid", "devel", "devset", "val", "dev"),
    "test": ("devtest", "testing", "testset", "test", "tst"),
}
SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
_WORD = re.compile(rf"(?<![a-z])({'|'.join(SPLIT_OF)})(?![a-z])")
_SHARD = re.compile(r"\d+-of-\d+|(?<=[-_.*])(part-?)?\d+$")


@dataclass(frozen=True)
class SplitName:
    """A name that says a split.

    Args:
        split: `train`, `validation` or `test`.
        rest: What the name has beside, which files of one data set have in common.
        is_shard: Whether it is one of several numbered files.
    """

    split: str
    rest: str
    is_shard: bool


def split_name(stem: str) -> SplitName | None:
    """Read the split from a name without its ending; None if it names none.

    >>> split_name("ner-dev"), split_name("latest")
    (SplitName(split='validation', rest='ner-*', is_shard=False), None)
    >>> split_name("train-00000-of-00002")
    SplitName(split='train', rest='*', is_shard=True)
    """
    stem = stem.casefold()
    word = _WORD.search(stem)
    if word is None:
        return None
    rest = f"{stem[: word.start()]}*{stem[word.end() :]}"
    without = _SHARD.sub("#", rest)
    return SplitName(SPLIT_OF[word[1]], without.rstrip("-_.#"), "#" in without)


def name_splits(cells: Iterable[object]) -> bool:
    """Tell whether cells say which split their row is of.

    >>> name_splits(["train", "Dev", "train"]), name_splits(["train", "bus"])
    (True, False)
    """
    splits = set()
    for cell in cells:
        word = SPLIT_OF.get(cell.strip().casefold()) if isinstance(cell, str) else None
        if word is None:
            return False
        splits.add(word)
    return "train" in splits and len(splits) > 1
