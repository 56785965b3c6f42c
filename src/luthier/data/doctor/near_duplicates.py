"""Finds pairs of texts that are nearly the same, without comparing all pairs.

MinHash over runs of four characters, divided into bands, proposes candidate pairs (A. Broder, "On
the resemblance and containment of documents", 1997,
https://doi.org/10.1109/SEQUEN.1997.666900; bands as in Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", 3.4, http://www.mmds.org). A candidate is kept if the edit distance of its texts
is at most 15 % of the longer one. The Jaccard index of the runs would not do: a few scattered
typing errors halve it, whereas the edit distance means the same for short and long texts. A bound
on character counts spares most of the work. Of data sets with thousands of texts from one template,
only the likeliest pairs are verified.

MinHash is written in NumPy rather than taken from datasketch because the doctor runs on the data of
every run: on one core, datasketch would take about 10 s for the hashes and bands of 38,000 tweets
(measured on 6,000), before any pair is verified; the whole doctor takes about 6 s this way. Edit
distances are rapidfuzz's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance.Levenshtein import distance as edit_distance

from luthier.ragged import Array
from luthier.seeding import stream

WIDTH = 4  # characters in a run
BANDS, BAND_HASHES = 40, 3  # a pair that shares 45 % of its runs is seen with probability 0.98
SHORTEST = 24  # characters; shorter texts that differ in one word are not near-duplicates
LONGEST = 2000  # characters compared; the rest of a text is ignored
MOST_DIFFERENT = 0.15  # edit distance divided by the length of the longer text
ONE_WORD_IN = 10  # or: one word in so many replaced, inserted or deleted
FEWEST_WORDS = 7  # texts of seven to nine words may differ in one
MOST_POSSIBLE = 0.3  # share of characters that candidates may differ in
LEAST_AGREEMENT = 0.3  # share of equal hashes that a pair needs to be verified
CROWD = 100  # neighbours compared in a band whose bucket holds very many texts
MOST_MEETINGS = 200_000  # candidate pairs taken from one band
MOST_CHARACTERS = 5_000_000  # compared for edit distances, the likeliest pairs first
BUCKETS = 32  # classes of characters that are counted
MOST_SIGNATURES = 1 << 27  # bytes held at once
BLOCK = 4096  # texts or pairs processed together
_MIX = np.uint64(0x9E3779B97F4A7C15)


def similar_pairs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Find pairs (i, j), i < j, of texts that are nearly the same.

    Args:
        texts: Normalised texts, all different. Texts of less than 24 characters are ignored.

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
    """Propose candidate pairs, (pairs, 2), with their shares of equal hashes, (pairs,).

    If there are very many texts, a few bands are hashed at a time, and hashed again to compare
    the pairs.
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
        is_there = part is parts[-1]  # the loop above has left these signatures in `held`
        signatures = held[: len(part)] if is_there else minhash(texts, part, held)
        n_equal += _count_equal(signatures, pairs)
    agreement = n_equal / len(multipliers)
    return pairs[agreement >= LEAST_AGREEMENT], agreement[agreement >= LEAST_AGREEMENT]


def draw_multipliers(random: np.random.Generator) -> Array:
    """Draw the odd multipliers that make the hash functions differ, (hashes,)."""
    drawn = random.integers(0, 2**63, BANDS * BAND_HASHES, dtype=np.uint64)
    return drawn * np.uint64(2) + np.uint64(1)


def minhash(texts: Sequence[str], multipliers: Array, held: Array) -> Array:
    """Compute the MinHash signatures of texts of at least `WIDTH` characters, (hashes, texts).

    They are written to the first rows of `held`, which the next call overwrites.
    """
    signatures = held[: len(multipliers)]
    for first in range(0, len(texts), 512):  # blocks that fit into the processor's cache
        runs, offsets = _hash_runs(texts[first : first + 512])
        for index, multiplier in enumerate(multipliers):
            # Multiplicative hashing keeps the high bits; the minimum of each text's runs remains.
            hashed = (runs * multiplier >> np.uint64(32)).astype(np.uint32)  # (runs,)
            signatures[index, first : first + 512] = np.minimum.reduceat(hashed, offsets)
    return signatures


def _hash_runs(texts: Sequence[str]) -> tuple[Array, Array]:
    """Hash every run of characters of all texts, (runs,); also return their offsets, (texts,)."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), dtype=np.uint32)
    counts = lengths - WIDTH + 1  # runs of each text, (texts,)
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    # Run r of the text that it belongs to starts at character `starts + r - offsets`: (runs,)
    at = np.repeat(starts - offsets, counts) + np.arange(counts.sum())
    hashed = np.zeros(len(at), dtype=np.uint64)
    for step in range(WIDTH):
        hashed = (hashed ^ codes[at + step]) * _MIX
        hashed ^= hashed >> np.uint64(29)
    return hashed, offsets


def _meeting(signatures: Array) -> Array:
    """Find the pairs that agree in a whole band, each encoded as one number (`_pairs_of`)."""
    n_texts = signatures.shape[1]
    found = [np.zeros(0, dtype=np.int64)]
    for first in range(0, len(signatures), BAND_HASHES):
        key = np.zeros(n_texts, dtype=np.uint64)
        for row in signatures[first : first + BAND_HASHES]:
            key = (key ^ row) * _MIX
            key ^= key >> np.uint64(31)
        order = np.argsort(key, kind="stable")  # texts with equal keys become neighbours
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
    """Sort non-negative numbers and drop repetitions; faster than `np.unique` for millions."""
    numbers = np.sort(numbers)
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _pairs_of(codes: Array, n_texts: int) -> Array:
    return np.stack([codes // n_texts, codes % n_texts], axis=1)


def _count_characters(texts: Sequence[str], lengths: Array) -> Array:
    """Count the characters of every text by their code modulo `BUCKETS`, (texts, buckets)."""
    counts = np.empty((len(texts), BUCKETS), dtype=np.int16)
    for start in range(0, len(texts), BLOCK):
        block = texts[start : start + BLOCK]
        codes = np.frombuffer("".join(block).encode("utf-32-le", "replace"), dtype=np.uint32)
        # One bincount for the whole block: text i owns the cells from i * BUCKETS on.
        cells = np.repeat(np.arange(len(block)) * BUCKETS, lengths[start : start + BLOCK])
        counted = np.bincount(cells + codes % BUCKETS, minlength=len(block) * BUCKETS)
        counts[start : start + BLOCK] = counted.reshape(-1, BUCKETS)
    return counts


def _may_be_near(codes: Array, counts: Array, lengths: Array) -> Array:
    """Bound the edit distance from below by the characters that the other text lacks."""
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
    """Return whether two texts differ little, and not only in their numbers."""
    most = int(MOST_DIFFERENT * max(len(one), len(other)))
    is_near = _has_the_words_of(one, other) or edit_distance(one, other, score_cutoff=most) <= most
    return is_near and _without_digits(one) != _without_digits(other)


def _has_the_words_of(one: str, other: str) -> bool:
    """Return whether nearly all words are the same: a long word that was replaced counts as one."""
    words, others = one.split(), other.split()
    n_words = max(len(words), len(others))
    most = max(1, n_words // ONE_WORD_IN)
    return n_words >= FEWEST_WORDS and edit_distance(words, others, score_cutoff=most) <= most


def _without_digits(text: str) -> str:
    return "".join(sign for sign in text if not sign.isdigit())
