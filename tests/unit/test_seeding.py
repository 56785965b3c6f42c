"""Streams are named, repeatable and independent."""

import numpy as np

from luthier.seeding import seed_of, stream


def test_the_same_name_gives_the_same_numbers():
    assert np.array_equal(stream(3, "order", 1).random(5), stream(3, "order", 1).random(5))


def test_names_and_seeds_give_different_numbers():
    seeds = {seed_of(0, "a"), seed_of(0, "b"), seed_of(1, "a"), seed_of(0, "a", 0), seed_of(0)}
    assert len(seeds) == 5


def test_seeds_fit_a_signed_integer_of_64_bits():
    assert all(0 <= seed_of(0, number) < 2**63 for number in range(1000))
