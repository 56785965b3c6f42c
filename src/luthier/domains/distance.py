"""How far apart two sets of texts are, and what that usually means for a model trained on one.

    texts ─► as many of each, cut to equal lengths ─► frozen vectors ─► proxy A-distance, MMD
          ─► as many words of each ─► words in common, pieces a word, unknown pieces

A classifier would tell sets of unequal lengths apart by their length alone, so texts are paired by
length and cut to the shorter one. Next: `two_samples.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from luthier.arguments import Names, checked
from luthier.domains.compared_texts import (
    drawn,
    halved,
    in_equal_amounts,
    jaccard,
    of_equal_length,
    vocabulary,
)
from luthier.domains.new_words import NewWord, new_words, pieces_per_word
from luthier.domains.texts import Texts, n_words, texts_of
from luthier.domains.two_samples import Difference, mmd, proxy_a
from luthier.errors import DataError
from luthier.frozen_features.text_vectors import text_vectors
from luthier.models.load import load_tokenizer, quietly
from luthier.recipe.starter import MODEL
from luthier.recipe.tree import Model
from luthier.records import StepInfo
from luthier.seeding import stream
from luthier.training.listeners import Listener, follow

FEWEST = 20  # texts of each set
FAR = 1.0  # proxy A-distance from which a linear classifier tells three texts of four apart
CUT_UP = 1.15  # times as many pieces a word
ALPHA = 0.05
SHOWN = 10  # words that are cut up, of each set
UNSAFE = "ignore_unsafe_files"


@dataclass(frozen=True)
class Side:
    """One of two sets of texts.

    Args:
        name: Where it comes from.
        n_texts: Different texts that it has.
        n_words: Words on average of a text.
        pieces_per_word: Tokens of the model's tokenizer for a word.
        unknown_share: Share of tokens that it does not know.
        halves: Words that two halves of the set have in common, as the two sets are compared.
        cut_words: The words that the tokenizer cuts up at the greatest cost.
    """

    name: str
    n_texts: int
    n_words: float
    pieces_per_word: float
    unknown_share: float
    halves: float
    cut_words: tuple[NewWord, ...]


@dataclass(frozen=True)
class Distance:
    """How far apart two sets of texts are.

    Args:
        first: The one set.
        second: The other.
        model: The model whose vectors and tokenizer they are seen by.
        n_compared: Texts of each set whose vectors were compared.
        n_permutations: Random deals behind each p.
        proxy_a: Proxy A-distance: 0 where nothing tells them apart, 2 where all is told.
        mmd: Squared maximum mean discrepancy of the vectors.
        words_in_common: Jaccard index of their vocabularies, from as many words of each.
        n_shared: Texts that are in both sets.
        meaning: What that usually means, in sentences.
    """

    first: Side
    second: Side
    model: str
    n_compared: int
    n_permutations: int
    proxy_a: Difference
    mmd: Difference
    words_in_common: float
    n_shared: int
    meaning: tuple[str, ...]


@checked
def distance(
    first: str | Path,
    second: str | Path,
    *,
    column: Names = (),
    model: str | None = None,
    n_texts: Annotated[int, Field(ge=FEWEST)] = 500,
    n_permutations: Annotated[int, Field(ge=99)] = 999,
    seed: int = 0,
    listeners: Sequence[Listener] = (),
) -> Distance:
    """Measure how far apart two sets of texts are.

    Args:
        first: A data file of any format, or a recipe, whose training texts are taken.
        second: Another one.
        column: The column with the texts, of both; or two, the first's and the second's. None:
            found as `luthier init` finds it.
        model: The model that sees the texts; None: that of the recipe, or the packaged encoder.
        n_texts: Texts of each that are compared, from 20.
        n_permutations: How often labels are dealt out at random, from 99.
        seed: Seed of what is drawn.
        listeners: Functions called with every step.

    Returns:
        The distances, what chance gives, and what they usually mean.

    Raises:
        DataError: A file cannot be read, has too few texts, or both hold the same texts.

    Example:
        print(luthier.distance("tweets.csv", "news.csv").meaning)
    """
    refuse_same_file(Path(first), Path(second))
    ours, theirs = (
        texts_of(one, name) for one, name in zip((first, second), columns_of(column), strict=True)
    )
    n_shared = refuse_same_texts(refuse_few(ours), refuse_few(theirs))
    seen_by = model_of((ours, theirs), model)
    draw = stream(seed, "distance")
    most = min(n_texts, len(ours.texts), len(theirs.texts))
    compared = of_equal_length(*(drawn(one.texts, most, draw) for one in (ours, theirs)))
    with quietly():
        steps = text_vectors(seen_by, [*compared[0], *compared[1]])
        vectors = follow(steps, partial(tell, listeners))
    halves = np.split(vectors, 2)
    told = proxy_a(*halves, n_permutations=n_permutations, draw=draw)
    apart = mmd(*halves, n_permutations=n_permutations, draw=draw)
    sides, in_common = described(ours, theirs, seen_by, draw)
    meaning = tuple(sentences(sides, told, in_common, n_shared))
    counts = most, n_permutations
    return Distance(*sides, seen_by.name, *counts, told, apart, in_common, n_shared, meaning)


def tell(listeners: Sequence[Listener], info: StepInfo) -> None:
    """Tell all listeners of a step."""
    for one in listeners:
        one(info)


def columns_of(column: Sequence[str]) -> Sequence[str | None]:
    """Give the column of each set.

    Raises:
        DataError: There are more than two.
    """
    if len(column) > 2:
        raise DataError(
            "There are two sets of texts, and one column of each.",
            received=f"columns {', '.join(column)}",
            hint="--column NAME for both, or --column FIRST --column SECOND",
        )
    return [*column, *column][:2] or [None, None]


def described(
    ours: Texts, theirs: Texts, model: Model, draw: np.random.Generator
) -> tuple[tuple[Side, Side], float]:
    """Compare the words of two sets, and how the tokenizer cuts them."""
    tokenizer = load_tokenizer(model.name, **model.model_dump(include={"revision", UNSAFE}))
    both = in_equal_amounts(ours.texts, theirs.texts, draw)
    words = [[vocabulary(half) for half in halved(one)] for one in both]

    def side(found: Texts, texts: Sequence[str], of_halves: Sequence[set[str]]) -> Side:
        pieces, unknown = pieces_per_word(texts, tokenizer)
        length = n_words(texts) / len(texts)
        costly = tuple(new_words(texts, tokenizer, SHOWN))
        n_texts, alike = len(found.texts), jaccard(*of_halves)
        return Side(found.name, n_texts, length, pieces, unknown, alike, costly)

    sides = side(ours, both[0], words[0]), side(theirs, both[1], words[1])
    return sides, jaccard(words[0][0], words[1][0])


def refuse_same_file(first: Path, second: Path) -> None:
    """Refuse one file that is given twice.

    Raises:
        DataError: It is.
    """
    if first.resolve() == second.resolve():
        raise DataError(
            "A set of texts has no distance to itself.",
            received=f"{first} twice",
            hint=f"luthier distance {first} another file",
        )


def refuse_few(found: Texts) -> Texts:
    """Return a set of texts that is large enough for anything to be told.

    Raises:
        DataError: There are fewer than twenty different texts.
    """
    if len(found.texts) < FEWEST:
        raise DataError(
            f"A set needs {FEWEST} different texts at least.",
            received=f"{found.name}: {len(found.texts)}, and {found.n_repeated} repeated ones",
            hint="a file with more texts, or --column with those that are meant",
        )
    return found


def refuse_same_texts(first: Texts, second: Texts) -> int:
    """Count the texts that are in both sets, and refuse two sets that are one.

    Raises:
        DataError: One set holds nothing but texts of the other.
    """
    shared = {*first.texts} & {*second.texts}
    if len(shared) == min(len(first.texts), len(second.texts)):
        raise DataError(
            "All texts of one set are in the other one too.",
            received=f"{len(shared):,} texts of {first.name} and {second.name}",
            hint="two sets that do not hold the same texts",
        )
    return len(shared)


def model_of(sides: Sequence[Texts], asked: str | None) -> Model:
    """Choose the model that sees the texts: as asked, a recipe's, or the packaged encoder."""
    if asked is not None:
        return Model(name=asked)
    known = (one.recipe.model for one in sides if one.recipe is not None)
    return next(known, Model(name=MODEL))


def sentences(
    sides: Sequence[Side], told: Difference, in_common: float, n_shared: int
) -> list[str]:
    """Say what the distances usually mean for a model that learns on one set and works on one."""
    ceiling = float(np.mean([one.halves for one in sides]))
    if told.p > ALPHA:
        found = [
            "The model's vectors do not tell the two apart: what is learned on one should hold for "
            "the other, and going on reading the other's texts has little to teach."
        ]
    elif told.value < FAR:
        found = [
            "The two are related and differ: expect a somewhat lower score on the other one than "
            "the test rows promise, and measure it (luthier evaluate RUN --data)."
        ]
    else:
        found = [
            "The two are far apart: expect a lower score on the other one than the test rows "
            "promise. A few dozen labelled rows of it usually help most; next, reading its texts "
            "first (adaptation.texts)."
        ]
    if ceiling:
        found.append(
            f"They have {in_common:.0%} of their words in common, where halves of one have "
            f"{ceiling:.0%}."
        )
    few, many = sorted(sides, key=lambda one: one.pieces_per_word)
    if many.pieces_per_word > CUT_UP * few.pieces_per_word and many.cut_words:
        words = ", ".join(one.word for one in many.cut_words[:3])
        found.append(
            f"The tokenizer cuts the words of {Path(many.name).name} up, such as {words}: "
            "adaptation.new_words adds them to the vocabulary."
        )
    if n_shared:
        found.append(f"{n_shared:,} texts are in both, which makes them look nearer.")
    return found
