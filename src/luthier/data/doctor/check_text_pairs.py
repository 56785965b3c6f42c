"""The doctor's checks of texts with the texts that a model is to write: translations, summaries.

Lengths and languages are judged against the pairs themselves: no table of languages is needed, and
a summary is not blamed for being shorter than what it sums up.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from luthier.data.doctor.split_view import Chart, Place, finding, key_of
from luthier.ragged import Array
from luthier.results import Finding

FEWEST = 50  # pairs from which lengths and languages can be judged
TIMES = 3.0  # a ratio of lengths that is so many times the usual one
SPREADS = 5.0  # and so many usual deviations away from it
SHORT = 20  # characters; below, lengths and languages say little
REPEATED = 3  # sources with one and the same target
GRAM = 3  # characters that languages are told apart by
MOST_READ = 20_000  # pairs that the profiles are learned from
APART = 0.97  # share of texts that the profiles must place rightly to be trusted
DEEP = 0.5  # how far into the other language a text must read, of the usual way


def check_pairs(charts: Sequence[Chart], target: str) -> list[Finding]:
    """Find pairs whose two sides do not belong together."""
    return [
        *check_same(charts, target),
        *check_repeated(charts, target),
        *check_lengths(charts, target),
        *check_languages(charts, target),
    ]


def check_same(charts: Sequence[Chart], target: str) -> list[Finding]:
    """Find targets that are their own source."""
    places = [
        (chart, index, target)
        for chart in charts
        for index, (source, wanted) in enumerate(_sides(chart, target))
        if len(source) >= SHORT and key_of([source]) == key_of([wanted])
    ]
    return finding(
        "target-is-source",
        "warning",
        f"{{n}} whose {target} is the text itself: they teach to copy ({{splits}}).",
        places,
        "translate them, or drop these rows",
    )


def check_repeated(charts: Sequence[Chart], target: str) -> list[Finding]:
    """Find targets that stand beside several different texts."""
    sources: dict[str, dict[str, Place]] = defaultdict(dict)
    for chart in charts:
        for index, (source, wanted) in enumerate(_sides(chart, target)):
            if len(wanted) >= SHORT:
                sources[key_of([wanted])].setdefault(key_of([source]), (chart, index, target))
    places = [place for own in sources.values() if len(own) >= REPEATED for place in own.values()]
    return finding(
        "repeated-target",
        "note",
        f"{{n}} with a {target} that {REPEATED} or more different texts have ({{splits}}).",
        places,
        "look at them: a placeholder, or a column that slipped?",
    )


def check_lengths(charts: Sequence[Chart], target: str) -> list[Finding]:
    """Find pairs of which one side is far longer than it usually is beside the other."""
    pairs = [
        ((chart, index, target), math.log(max(1, len(wanted)) / len(source)))
        for chart in charts
        for index, (source, wanted) in enumerate(_sides(chart, target))
        if source and max(len(source), len(wanted)) >= SHORT
    ]
    if len(pairs) < FEWEST:
        return []
    ratios = np.array([ratio for _, ratio in pairs])
    middle = float(np.median(ratios))
    spread = 1.4826 * float(np.median(abs(ratios - middle)))
    most = max(math.log(TIMES), SPREADS * spread)
    return finding(
        "length-ratio",
        "warning",
        f"{{n}} with a {target} far longer or shorter than usual ({math.exp(middle):.2f} "
        "characters for each one of the text): are they pairs? ({splits})",
        [place for place, ratio in pairs if abs(ratio - middle) > most],
        "look at them: a line that slipped, or a text that was cut off?",
    )


def check_languages(charts: Sequence[Chart], target: str) -> list[Finding]:
    """Find texts in the language of the other side: pairs swapped, or not translated.

    Each side's language is its own runs of three characters, counted over all pairs (W. Cavnar and
    J. Trenkle, "N-gram-based text categorization", 1994); where both sides have the same, as in
    summaries, nothing is said.
    """
    places = [(chart, index, target) for chart in charts for index in range(len(chart.rows))]
    sides = [pair for chart in charts for pair in _sides(chart, target)]
    if len(sides) < FEWEST:
        return []
    sources, targets = _readings(sides)
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
            f"{{n}} whose text and {target} stand in each other's place ({{splits}}).",
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


def _sides(chart: Chart, target: str) -> list[tuple[str, str]]:
    return [
        (" ".join(texts).strip(), "" if wanted is None else str(wanted).strip())
        for texts, wanted in zip(chart.texts, chart.rows[target], strict=True)
    ]


def _readings(sides: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
    """Say of every source and target how much it reads like a target: positive if it does."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    step = max(1, len(sides) // MOST_READ)
    for pair in sides[::step]:
        for counter, text in zip(counts, pair, strict=True):
            counter.update(_grams(text))
    known = counts[0].keys() | counts[1].keys()
    totals = [counter.total() + len(known) for counter in counts]
    weight = {
        gram: math.log((counts[1][gram] + 1) / (counts[0][gram] + 1) * totals[0] / totals[1])
        for gram in known
    }

    def read(text: str) -> float:
        found = [weight.get(gram, 0.0) for gram in _grams(text)]
        return sum(found) / max(1, len(found))

    readings = np.array([[read(text) for text in pair] for pair in sides])
    return readings[:, 0], readings[:, 1]


def _grams(text: str) -> list[str]:
    folded = f" {text.casefold()} "
    return [folded[start : start + GRAM] for start in range(len(folded) - GRAM + 1)]
