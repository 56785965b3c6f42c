"""Which rows of a run are explained: those asked for by number, or its most confident mistakes.

Rows are numbered from 0 in their split, as `index` in `predictions.jsonl` numbers the test rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from luthier.codec import Codec
from luthier.errors import DataError, nearest
from luthier.evaluation.judge import SYSTEM
from luthier.records import Predictions, Rows, Splits
from luthier.results import Mistake

SPLITS = tuple(field.name for field in fields(Splits) if field.name != "made")
UNJUDGED = ("language",)  # kinds of target whose answers are not right or wrong
NOT_KEPT = ("tags", "answer")  # kinds whose answers a run keeps without how sure it was
ASKED = re.compile(r"(?P<split>[^:]*):(?P<rows>\d+(-\d+)?(,\d+(-\d+)?)*)")


def parse_places(asked: Iterable[str]) -> list[tuple[str, int]]:
    """Read places such as `test:17,42` or `train:0-9`, the last of which is included.

    >>> parse_places(["test:17,3", "train:0-1"])
    [('test', 17), ('test', 3), ('train', 0), ('train', 1)]

    Raises:
        DataError: That is no place, or there is no such split.
    """
    places: list[tuple[str, int]] = []
    for one in asked:
        found = ASKED.fullmatch(one.replace(" ", ""))
        if found is None:
            raise DataError(
                "Rows are asked for by their split and their numbers in it.",
                received=f"--rows {one}",
                hint="--rows test:0,2 or --rows test:0-9; predictions.jsonl has them as index",
            )
        split = found["split"]
        if split not in SPLITS:
            raise DataError(
                f"There is no split '{split}'.",
                received=f"--rows {one}",
                hint=f"--rows {nearest(split, SPLITS) or 'test'}:{found['rows']}",
            )
        for part in found["rows"].split(","):
            first, _, last = part.partition("-")
            places += [(split, row) for row in range(int(first), int(last or first) + 1)]
    return list(dict.fromkeys(places))


def rows_at(splits: Splits, places: Sequence[tuple[str, int]]) -> list[Rows]:
    """Take rows by their places, those of one split after another together.

    Raises:
        DataError: A split has no such row.
    """
    of_split = dict(splits.items())
    taken: list[tuple[str, list[int]]] = []
    for split, row in places:
        n_rows = len(of_split[split])
        if row >= n_rows:
            has = f"rows 0 to {n_rows - 1}" if n_rows else "no rows"
            raise DataError(
                f"There is no such row: {split} has {has}.",
                received=f"--rows {split}:{row}",
                hint=f"--rows {split}:{n_rows - 1}" if n_rows else "--rows test:0",
            )
        if not taken or taken[-1][0] != split:
            taken.append((split, []))
        taken[-1][1].append(row)
    return [of_split[split].take(rows) for split, rows in taken]


def mistaken(
    codec: Codec, test: Rows, answered: Callable[[], Predictions], most: int
) -> list[Mistake]:
    """Find what the model got wrong on the test rows and was most sure of.

    Of numbers and written texts, it is those that were farthest off. A row with several labels,
    entities or tags may have several mistakes.

    Args:
        codec: The codec.
        test: The test rows, with their answers.
        answered: Gives the model's answers.
        most: How many at most.

    Raises:
        DataError: Answers of the task are not right or wrong, or none is wrong.
    """
    found = None
    if codec.target.kind not in UNJUDGED:
        found = codec.mistakes(codec.gold(test), answered(), test)
    if found is None:
        raise DataError(
            f"Answers of {codec.task.name} are not right or wrong.",
            received=f"--errors {most}",
            hint=f"--rows test:0-{max(0, min(most, len(test)) - 1)}",
        )
    if not found:
        raise DataError(
            "The model made no mistake on the test rows.",
            received=f"--errors {most}",
            hint="--rows test:0-9",
        )
    return list(found[:most])


def as_kept(lines: Iterable[Mapping[str, Any]], codec: Codec, test: Rows) -> Predictions | None:
    """Read the model's answers to the test rows; None where how sure it was is not kept with them.

    Args:
        lines: The run's predictions, line by line.
        codec: The codec.
        test: The test rows.
    """
    if codec.target.kind in NOT_KEPT:
        return None
    return codec.from_json([line["predictions"][SYSTEM] for line in lines], test)
