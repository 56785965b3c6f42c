"""The texts that a model learns before its task: which ones, and none of the test rows.

Next: `adapt.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from luthier.domains.texts import Texts, each_once, n_words, of_rows, texts_of
from luthier.errors import DataError
from luthier.load_splits import Checked
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.tree import Recipe
from luthier.training.listeners import Listener, follow

TRANSDUCTIVE = "; or adaptation.include_test=true, for a verdict on these rows alone"
CHUNK = 1024  # texts compared with the training rows at once


@dataclass(frozen=True)
class LearnedTexts:
    """Texts of a domain, each once.

    Args:
        texts: The texts.
        sources: Where they come from.
        notes: What was left out, in sentences.
        n_words: How many words they have.
    """

    texts: tuple[str, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    n_words: int


def gather(recipe: Recipe, task: Task, checked: Checked, listener: Listener) -> LearnedTexts:
    """Gather the texts of a recipe's adaptation.

    Args:
        recipe: The recipe, whose section `adaptation` says which.
        task: Its task, which knows the texts of rows.
        checked: Its rows.
        listener: Called with every step of the work.

    Raises:
        DataError: A file cannot be read, or holds the texts of the test rows.
    """
    asked = recipe.adaptation
    if asked is None:
        raise ValueError("the recipe asks for no adaptation")
    test = {*each_once("test", of_rows(checked.splits.test, task)).texts}
    train = each_once("train", of_rows(checked.all_train, task)).texts
    read = [texts_of(file) for file in asked.texts]
    if not asked.include_test:
        for one in read:
            refuse_test(one, test, others=TRANSDUCTIVE)
    outside = each_once("files", (text for one in read for text in one.texts)).texts
    notes = []
    if asked.select is not None:
        outside, note = nearest(recipe, outside, train, asked.select.nearest, listener)
        notes.append(note)
    whole = [
        *outside,
        *(train if asked.include_train else ()),
        *(test if asked.include_test else ()),
    ]
    kept = tuple(dict.fromkeys(whole))
    if not asked.include_test and (leaked := {*kept} & test):
        kept = tuple(text for text in kept if text not in leaked)
        notes.append(
            f"{len(leaked)} texts of the adaptation are those of test rows, and were left out."
        )
    sources = [Path(one.name).name for one in read]
    sources += ["training rows"] * asked.include_train + ["test rows"] * asked.include_test
    return LearnedTexts(kept, tuple(sources), tuple(notes), n_words(kept))


def refuse_test(
    found: Texts, test: set[str], *, field: str = "adaptation.texts", others: str = ""
) -> None:
    """Refuse a file that holds nothing but texts of the test rows.

    Raises:
        DataError: It does.
    """
    if found.texts and {*found.texts} <= test:
        raise DataError(
            "The texts of this file are those of the test rows, which the model must not learn.",
            received=f"{found.name}: {len(found.texts):,} texts, all in the test set",
            hint=f"other files in {field}{others}",
        )


def nearest(
    recipe: Recipe, outside: Sequence[str], train: Sequence[str], n: int, listener: Listener
) -> tuple[tuple[str, ...], str]:
    """Choose the texts nearest to each training row, by the cosine of frozen vectors.

    Gururangan et al. 2020, section 5.2 (kNN-TAPT), who compare by a light model of its own.
    """
    from luthier.frozen_features.text_vectors import text_vectors

    steps = text_vectors(recipe.model, [*outside, *train], phase="comparing texts")
    vectors = follow(steps, listener)
    chosen = nearest_rows(vectors[: len(outside)], vectors[len(outside) :], n)
    note = (
        f"{len(chosen):,} of {len(outside):,} texts of files were chosen: the {n} nearest to each "
        "training row."
    )
    return tuple(outside[row] for row in chosen), note


def nearest_rows(outside: Array, train: Array, n: int) -> list[int]:
    """List the rows of one set of vectors that are among the n nearest to a row of another.

    >>> nearest_rows(np.eye(3), np.array([[0.9, 0.1, 0.0]]), 1)
    [0]
    """
    chosen: set[int] = set()
    most = min(n, len(outside))
    for start in range(0, len(train), CHUNK):
        alike = train[start : start + CHUNK] @ outside.T
        chosen.update(np.argpartition(-alike, most - 1, axis=1)[:, :most].ravel().tolist())
    return sorted(chosen)
