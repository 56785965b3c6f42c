"""Lets labelling functions vote on rows: words, patterns, lists of words, and other runs."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

import numpy as np
import regex

from luthier.data.readers.plain_text import lines_of, open_text
from luthier.errors import DataError, RecipeError, nearest
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Training
from luthier.recipe.weak import LabellingFunction
from luthier.records import Rows, StepInfo
from luthier.runs import RunFolder
from luthier.task_types.answers_of_run import answers_of_run
from luthier.text.words import split_words

ABSENT = -1
MOST_SECONDS = 1.0  # that a pattern may take for one row


def votes_on(
    rows: Rows,
    functions: Sequence[LabellingFunction],
    inputs: Sequence[str],
    labels: Sequence[str],
    training: Training,
) -> Generator[StepInfo, None, Array]:
    """Let every function vote on every row.

    Args:
        rows: The rows; the texts of a pair are read one after the other.
        functions: The functions.
        inputs: Roles of the texts.
        labels: The labels that there are.
        training: How a run's model is asked.

    Returns:
        Label ids, (rows, functions); -1 where a function gives none.

    Raises:
        DataError: A file cannot be read, or a pattern takes too long.
        RecipeError: A function votes for a label that no row has.
    """
    ids = {name: index for index, name in enumerate(labels)}
    texts = ["\n".join(str(rows[role][row]) for role in inputs) for row in range(len(rows))]
    words: list[list[str]] | None = None
    votes = np.full((len(rows), len(functions)), ABSENT, dtype=np.int64)
    for at, one in enumerate(functions):
        place = f"data.weak.{at}"
        if one.run is not None:
            votes[:, at] = yield from _votes_of_run(one, rows, ids, training, place)
            continue
        vote = _id_of(str(one.label), ids, f"{place}.label")
        if one.pattern is not None:
            fires: Iterable[bool] = _matches(one.pattern, texts, rows, place)
        else:
            words = [words_of(text) for text in texts] if words is None else words
            fires = map(finder(_phrases(one, place)), words)
        votes[np.fromiter(fires, dtype=bool, count=len(rows)), at] = vote
        yield StepInfo("labelling functions vote", at + 1, len(functions), rows=len(rows))
    return votes


def words_of(text: str) -> list[str]:
    """Split a text into words as functions compare them, in any case.

    >>> words_of("It's FREE!")
    ['it', "'", 's', 'free', '!']
    """
    text = unicodedata.normalize("NFC", text)
    return [text[first:past].casefold() for first, past in split_words(text)]


def finder(phrases: Iterable[str]) -> Callable[[Sequence[str]], bool]:
    """Make a function that tells whether words hold one of many phrases, whole.

    >>> is_spam = finder(["free entry", "win"])
    >>> is_spam(words_of("FREE entry!")), is_spam(words_of("a window, free"))
    (True, False)
    """
    known: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for phrase in phrases:
        if wanted := tuple(words_of(phrase)):
            known[wanted[0]].add(wanted)
    sizes = {first: sorted({len(one) for one in found}) for first, found in known.items()}

    def holds(words: Sequence[str]) -> bool:
        return any(
            tuple(words[at : at + size]) in known[word]
            for at, word in enumerate(words)
            if word in sizes
            for size in sizes[word]
        )

    return holds


def _id_of(label: str, ids: dict[str, int], place: str) -> int:
    if label not in ids:
        close = nearest(label, ids)
        raise RecipeError(
            f"A labelling function votes for a label that no labelled row has ({place}).",
            received=f"'{label}'; labels are {', '.join(list(ids)[:10])}",
            hint=f"{place}={close}" if close else "one of the labels",
        )
    return ids[label]


def _phrases(function: LabellingFunction, place: str) -> Sequence[str]:
    if function.gazetteer is None:
        return function.contains or ()
    path = Path(function.gazetteer).expanduser()
    if not path.is_file():
        beside = [one.name for one in path.parent.glob("*")] if path.parent.is_dir() else []
        close = nearest(path.name, beside)
        raise DataError(
            f"There is no such list of words ({place}.gazetteer).",
            received=function.gazetteer,
            hint=f"{place}.gazetteer={path.parent / close}"
            if close
            else "a text file with a word or a phrase in each line",
        )
    found = [line for line in lines_of(open_text(path, name=str(path)).text) if line.strip()]
    if not found:
        raise DataError(
            f"The list of words is empty ({place}.gazetteer).",
            received=function.gazetteer,
            hint="a word or a phrase in each line",
        )
    return found


def _matches(pattern: str, texts: Sequence[str], rows: Rows, place: str) -> Iterable[bool]:
    """Search texts; a pattern that goes back and forth for ever is stopped and refused."""
    compiled = regex.compile(pattern)
    for row, text in enumerate(texts):
        try:
            yield compiled.search(text, timeout=MOST_SECONDS) is not None
        except TimeoutError:
            raise DataError(
                f"A pattern takes longer than {MOST_SECONDS:g} second for one row ({place}).",
                received=f"{pattern!r} at {rows.where(row)}, {len(text):,} characters",
                hint="write it without a repetition inside a repetition, such as (a+)+",
            ) from None


def _votes_of_run(
    function: LabellingFunction, rows: Rows, ids: dict[str, int], training: Training, place: str
) -> Generator[StepInfo, None, Array]:
    """Let a run vote for its likeliest label, where that is likely enough."""
    folder = RunFolder.open(str(function.run)).require_finished()
    task, target = make_plugin("tasks", folder.recipe().task), folder.target()
    if task.kind != "single-label" or not all(role in rows for role in task.input_roles):
        raise RecipeError(
            f"A run that votes gives one label to texts such as these ({place}.run).",
            received=f"{function.run}, a run of {task.name}, which reads "
            f"{' and '.join(task.input_roles)}",
            hint="a run of task: text-classification with the same labels",
        )
    own = np.array([_id_of(name, ids, f"{place}.run") for name in target.names])
    phase = f"{function.called} votes"
    said = yield from answers_of_run(folder, rows, training, phase=phase)
    votes: Array = np.where(
        said.probabilities.max(axis=1) >= function.at_least, own[said.answers], ABSENT
    )
    return votes
