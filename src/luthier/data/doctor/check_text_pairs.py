"""The doctor's checks of texts paired with the text to generate: translations, summaries.

The usual length ratio and the languages are learned from the pairs themselves. So no table of
languages is needed, and summaries may be shorter than their texts.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from luthier.data.doctor.split_view import Place, SplitView, finding, key_of
from luthier.ragged import Array
from luthier.results import Finding

FEWEST = 50  # pairs needed to learn the usual length ratio and the languages
TIMES = 3.0  # a suspicious length ratio is at least so many times the usual one
SPREADS = 5.0  # and so many robust standard deviations away from it
SHORT = 20  # characters; lengths and languages of shorter texts are unreliable
REPEATED = 3  # different sources with the same target
GRAM = 3  # characters of an n-gram
MOST_READ = 20_000  # pairs from which the language profiles are learned
APART = 0.97  # share of pairs that the profiles must classify correctly to be trusted
DEEP = 0.5  # share of the other side's median score from which a text counts as its language


def check_pairs(views: Sequence[SplitView], target: str) -> list[Finding]:
    """Find pairs whose sides do not belong together."""
    return [
        *check_same(views, target),
        *check_repeated(views, target),
        *check_lengths(views, target),
        *check_languages(views, target),
    ]


def check_same(views: Sequence[SplitView], target: str) -> list[Finding]:
    """Find targets that equal their source."""
    places = [
        (view, index, target)
        for view in views
        for index, (source, wanted) in enumerate(_sides(view, target))
        if len(source) >= SHORT and key_of([source]) == key_of([wanted])
    ]
    return finding(
        "target-is-source",
        "warning",
        f"{{n}} whose {target} is the text itself: they train the model to copy ({{splits}}).",
        places,
        "translate them, or drop these rows",
    )


def check_repeated(views: Sequence[SplitView], target: str) -> list[Finding]:
    """Find targets that several different texts share."""
    sources: dict[str, dict[str, Place]] = defaultdict(dict)
    for view in views:
        for index, (source, wanted) in enumerate(_sides(view, target)):
            if len(wanted) >= SHORT:
                sources[key_of([wanted])].setdefault(key_of([source]), (view, index, target))
    places = [place for own in sources.values() if len(own) >= REPEATED for place in own.values()]
    return finding(
        "repeated-target",
        "note",
        f"{{n}} with a {target} that {REPEATED} or more different texts share ({{splits}}).",
        places,
        "check them: is it a placeholder, or has a column shifted?",
    )


def check_lengths(views: Sequence[SplitView], target: str) -> list[Finding]:
    """Find pairs of which one side is unusually long for the other."""
    pairs = [
        ((view, index, target), math.log(max(1, len(wanted)) / len(source)))
        for view in views
        for index, (source, wanted) in enumerate(_sides(view, target))
        if source and max(len(source), len(wanted)) >= SHORT
    ]
    if len(pairs) < FEWEST:
        return []
    ratios = np.array([ratio for _, ratio in pairs])
    middle = float(np.median(ratios))
    # 1.4826 times the median deviation estimates the standard deviation of normal data.
    spread = 1.4826 * float(np.median(abs(ratios - middle)))
    most = max(math.log(TIMES), SPREADS * spread)
    return finding(
        "length-ratio",
        "warning",
        f"{{n}} with a {target} far longer or shorter than usual ({math.exp(middle):.2f} "
        "characters per character of the text): are they pairs? ({splits})",
        [place for place, ratio in pairs if abs(ratio - middle) > most],
        "check them: has a line shifted, or was a text truncated?",
    )


def check_languages(views: Sequence[SplitView], target: str) -> list[Finding]:
    """Find texts in the language of the other side: pairs that are swapped or not translated.

    The language profile of each side is its character trigrams, counted over all pairs (W. Cavnar
    and J. Trenkle, "N-gram-based text categorization", 1994). If both sides are in one language,
    as in summaries, nothing is reported.
    """
    places = [(view, index, target) for view in views for index in range(len(view.rows))]
    sides = [pair for view in views for pair in _sides(view, target)]
    if len(sides) < FEWEST:
        return []
    sources, targets = _language_scores(sides)
    is_long = np.array([min(map(len, pair)) >= SHORT for pair in sides])
    right = ((sources < 0) & (targets > 0))[is_long]
    if not len(right) or right.mean() < APART:
        return []
    swapped = is_long & (sources > DEEP * np.median(targets))
    same = is_long & ~swapped & (targets < DEEP * np.median(sources))
    swapped &= targets < 0
    return [
        *finding(
            "swapped-languages",
            "warning",
            f"{{n}} whose text and {target} are swapped ({{splits}}).",
            [places[index] for index in np.flatnonzero(swapped)],
            "swap the two cells of these rows",
        ),
        *finding(
            "language-mixed-up",
            "warning",
            f"{{n}} whose {target} is in the language of the texts ({{splits}}).",
            [places[index] for index in np.flatnonzero(same)],
            "translate them, or drop these rows",
        ),
    ]


def _sides(view: SplitView, target: str) -> list[tuple[str, str]]:
    return [
        (" ".join(texts).strip(), "" if wanted is None else str(wanted).strip())
        for texts, wanted in zip(view.texts, view.rows[target], strict=True)
    ]


def _language_scores(sides: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
    """Score how much each source and each target resembles the targets, (pairs,) each.

    A score is the mean log-odds of the text's trigrams: positive for the targets' language.
    """
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    step = max(1, len(sides) // MOST_READ)
    for pair in sides[::step]:
        for counter, text in zip(counts, pair, strict=True):
            counter.update(_grams(text))
    known = counts[0].keys() | counts[1].keys()
    totals = [counter.total() + len(known) for counter in counts]
    weight = {  # log-odds of each trigram, with add-one smoothing
        gram: math.log((counts[1][gram] + 1) / (counts[0][gram] + 1) * totals[0] / totals[1])
        for gram in known
    }

    def score(text: str) -> float:
        found = [weight.get(gram, 0.0) for gram in _grams(text)]
        return sum(found) / max(1, len(found))

    scores = np.array([[score(text) for text in pair] for pair in sides])  # (pairs, 2)
    return scores[:, 0], scores[:, 1]


def _grams(text: str) -> list[str]:
    folded = f" {text.casefold()} "
    return [folded[start : start + GRAM] for start in range(len(folded) - GRAM + 1)]
