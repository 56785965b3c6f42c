"""Pairs of texts that are nearly the same, found without comparing all pairs.

MinHash over runs of four characters, cut into bands, gives pairs worth a look (A. Broder, "On the
resemblance and containment of documents", 1997, https://doi.org/10.1109/SEQUEN.1997.666900;
bands as in Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", 3.4,
http://www.mmds.org). A pair is kept when the true edit distance of its texts is at most 15 % of
the longer one: unlike the Jaccard index of the runs, which a few scattered typing errors halve,
that number means the same for short and long texts. Two cheap bounds spare most of that work, and
where texts come from one mould by the thousand, the likeliest pairs alone are verified.

Written in NumPy rather than with datasketch because the doctor looks at every run's data: on one
core, datasketch would take about 10 s for hashes and bands of 38,000 tweets (measured on 6,000),
before any pair is verified; the whole doctor takes 6 s on them this way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from luthier.ragged import Array
from luthier.seeding import stream

WIDTH = 4  # characters in a run
BANDS, BAND_HASHES = 40, 3  # a pair that shares 45 % of its runs is seen with probability 0.98
SHORTEST = 24  # characters; in shorter texts one other word is no near-duplicate
LONGEST = 2000  # characters compared; what follows is not looked at
MOST_DIFFERENT = 0.15  # edit distance over the longer length
ONE_WORD_IN = 10  # or: so many of the words replaced, inserted or left out
FEWEST_WORDS = 7  # and one in texts that have fewer than ten
MOST_POSSIBLE = 0.3  # characters that differ, of pairs that are looked at
LEAST_AGREEMENT = 0.3  # share of equal hashes below which no pair is verified
CROWD = 100  # neighbours looked at in a band where a great many texts meet
MOST_MEETINGS = 200_000  # pairs taken from one band
MOST_CHARACTERS = 5_000_000  # read to compute edit distances, of the likeliest pairs first
BUCKETS = 32
MOST_SIGNATURES = 1 << 27  # bytes held at once
BLOCK = 4096  # texts, or pairs, that are looked at together
_MIX = np.uint64(0x9E3779B97F4A7C15)


def similar_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Find pairs (i, j), i < j, of texts that are nearly the same.

    Args:
        texts: Normalised and all different; those under 24 characters are left out.

    >>> similar_pairs(["a film that is a joy to see", "a bore", "a film that is joy to see"])
    [(0, 2)]
    """
    long_enough = np.flatnonzero([len(text) >= SHORTEST for text in texts])
    if len(long_enough) < 2:
        return []
    cut = [texts[index][:LONGEST] for index in long_enough.tolist()]
    lengths = np.fromiter(map(len, cut), dtype=np.int64, count=len(cut))
    pairs, agreement = _likely_pairs(cut, lengths)
    likeliest = np.argsort(-agreement, kind="stable")
    n_read = np.cumsum(lengths[pairs[likeliest, 1]])
    pairs = pairs[np.sort(likeliest[n_read <= MOST_CHARACTERS])]
    return [
        (int(long_enough[one]), int(long_enough[other]))
        for one, other in pairs.tolist()
        if _is_near(cut[one], cut[other])
    ]


def _likely_pairs(texts: Sequence[str], lengths: Array) -> tuple[Array, Array]:
    """Give the pairs that are worth a look, (pairs, 2), and their share of equal hashes, (pairs,).

    Where texts are many, some bands at a time are hashed, and hashed again to compare pairs.
    """
    multipliers = draw_multipliers(stream(0, "near-duplicates"))
    n_bands = min(BANDS, max(1, MOST_SIGNATURES // (4 * BAND_HASHES * len(texts))))
    held = np.empty((n_bands * BAND_HASHES, len(texts)), dtype=np.uint32)
    parts = [multipliers[at : at + len(held)] for at in range(0, len(multipliers), len(held))]
    counts = _count_characters(texts, lengths)
    found = []
    for part in parts:
        codes = _meeting(minhash(texts, part, held))
        found.append(codes[_may_be_near(codes, counts, lengths)])
    pairs = _pairs_of(_sorted_once(np.concatenate(found)), len(texts))
    n_equal = np.zeros(len(pairs), dtype=np.int64)
    for part in reversed(parts if len(pairs) else []):
        is_there = part is parts[-1]  # from above
        signatures = held[: len(part)] if is_there else minhash(texts, part, held)
        n_equal += _count_equal(signatures, pairs)
    agreement = n_equal / len(multipliers)
    return pairs[agreement >= LEAST_AGREEMENT], agreement[agreement >= LEAST_AGREEMENT]


def draw_multipliers(random: np.random.Generator) -> Array:
    """Draw what makes one hash function differ from the next, (hashes,)."""
    drawn = random.integers(0, 2**63, BANDS * BAND_HASHES, dtype=np.uint64)
    return drawn * np.uint64(2) + np.uint64(1)


def minhash(texts: Sequence[str], multipliers: Array, held: Array) -> Array:
    """Write the MinHash signatures of texts of `WIDTH` characters or more, (hashes, texts).

    They stand in the first rows of `held`, which what comes next overwrites.
    """
    signatures = held[: len(multipliers)]
    for first in range(0, len(texts), 512):  # blocks that fit the processor's cache
        runs, offsets = _hash_runs(texts[first : first + 512])
        for index, multiplier in enumerate(multipliers):
            hashed = (runs * multiplier >> np.uint64(32)).astype(np.uint32)
            signatures[index, first : first + 512] = np.minimum.reduceat(hashed, offsets)
    return signatures


def _hash_runs(texts: Sequence[str]) -> tuple[Array, Array]:
    """Hash every run of characters; give the hashes end to end, and where each text's start."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype=np.uint32)
    counts = lengths - WIDTH + 1
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    at = np.repeat(starts - offsets, counts) + np.arange(counts.sum())
    hashed = np.zeros(len(at), dtype=np.uint64)
    for step in range(WIDTH):
        hashed = (hashed ^ codes[at + step]) * _MIX
        hashed ^= hashed >> np.uint64(29)
    return hashed, offsets


def _meeting(signatures: Array) -> Array:
    """Give the pairs that agree in a whole band, each as one number: see `_pairs_of`."""
    n_texts = signatures.shape[1]
    found = [np.zeros(0, dtype=np.int64)]
    for first in range(0, len(signatures), BAND_HASHES):
        key = np.zeros(n_texts, dtype=np.uint64)
        for row in signatures[first : first + BAND_HASHES]:
            key = (key ^ row) * _MIX
            key ^= key >> np.uint64(31)
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        n_found = 0
        for step in range(1, min(CROWD, n_texts)):
            same = np.flatnonzero(ordered[step:] == ordered[:-step])
            n_found += len(same)
            if len(same) == 0 or n_found > MOST_MEETINGS:
                break
            found.append(order[same] * n_texts + order[same + step])  # stable: the lower is first
    return _sorted_once(np.concatenate(found))


def _sorted_once(numbers: Array) -> Array:
    """Sort numbers from 0 and drop repetitions: for millions, faster than `np.unique`."""
    numbers = np.sort(numbers)
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _pairs_of(codes: Array, n_texts: int) -> Array:
    return np.stack([codes // n_texts, codes % n_texts], axis=1)


def _count_characters(texts: Sequence[str], lengths: Array) -> Array:
    """Count the characters of every text by their code's remainder, (texts, buckets)."""
    counts = np.empty((len(texts), BUCKETS), dtype=np.int16)
    for start in range(0, len(texts), BLOCK):
        block = texts[start : start + BLOCK]
        codes = np.frombuffer("".join(block).encode("utf-32-le", "replace"), dtype=np.uint32)
        cells = np.repeat(np.arange(len(block)) * BUCKETS, lengths[start : start + BLOCK])
        counted = np.bincount(cells + codes % BUCKETS, minlength=len(block) * BUCKETS)
        counts[start : start + BLOCK] = counted.reshape(-1, BUCKETS)
    return counts


def _may_be_near(codes: Array, counts: Array, lengths: Array) -> Array:
    """Bound the edit distance from below by the characters that the other text has not."""
    possible = np.zeros(len(codes), dtype=bool)
    for first in range(0, len(codes), BLOCK):
        one, other = _pairs_of(codes[first : first + BLOCK], len(counts)).T
        surplus = counts[one] - counts[other]
        bound = np.maximum(np.maximum(surplus, 0).sum(axis=1), np.maximum(-surplus, 0).sum(axis=1))
        longer = np.maximum(lengths[one], lengths[other])
        possible[first : first + BLOCK] = bound <= MOST_POSSIBLE * longer
    return possible


def _count_equal(signatures: Array, pairs: Array) -> Array:
    """Count the hashes that are equal in each pair; their share estimates the Jaccard index."""
    n_equal = np.zeros(len(pairs), dtype=np.int64)
    for first in range(0, len(pairs), BLOCK):
        one, other = pairs[first : first + BLOCK].T
        n_equal[first : first + BLOCK] = (signatures[:, one] == signatures[:, other]).sum(axis=0)
    return n_equal


def _is_near(one: str, other: str) -> bool:
    """Say whether two texts differ little, and not in their numbers alone."""
    if not _has_the_words_of(one, other):
        most = MOST_DIFFERENT * max(len(one), len(other))
        if _least_distance(one, other) > most or edit_distance(one, other) > most:
            return False
    return _without_digits(one) != _without_digits(other)


def _has_the_words_of(one: str, other: str) -> bool:
    """Say whether nearly all words are the same: a long one that was replaced counts as one."""
    words, others = one.split(), other.split()
    n_words = max(len(words), len(others))
    most = max(1, n_words // ONE_WORD_IN)
    if n_words < FEWEST_WORDS or len(set(words) ^ set(others)) > 2 * most:
        return False
    signs: dict[str, str] = {}
    first, second = (
        "".join(signs.setdefault(word, chr(len(signs))) for word in text)
        for text in (words, others)
    )
    return edit_distance(first, second) <= most


def _least_distance(one: str, other: str) -> int:
    """Bound the edit distance from below by the characters that the other text has not."""
    return max((Counter(one) - Counter(other)).total(), (Counter(other) - Counter(one)).total())


def _without_digits(text: str) -> str:
    return "".join(sign for sign in text if not sign.isdigit())


def edit_distance(one: str, other: str) -> int:
    """Count the characters to insert, delete or replace to turn one text into the other.

    A column of the table is two integers' bits (G. Myers, "A fast bit-vector algorithm for
    approximate string matching", 1999, https://doi.org/10.1145/316542.316550).

    >>> edit_distance("kitten", "sitting"), edit_distance("", "ab")
    (3, 2)
    """
    if not one:
        return len(other)
    where: dict[str, int] = {}
    for index, sign in enumerate(one):
        where[sign] = where.get(sign, 0) | 1 << index
    full, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    rising, falling, distance = full, 0, len(one)
    for sign in other:
        equal = where.get(sign, 0)
        vertical = equal | falling
        horizontal = (((equal & rising) + rising) ^ rising) | equal
        up = falling | ~(horizontal | rising) & full
        down = rising & horizontal
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & full, down << 1 & full
        rising, falling = down | ~(vertical | up) & full, up & vertical
    return distance
