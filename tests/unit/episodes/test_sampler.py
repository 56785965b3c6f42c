"""Episodes are small tasks: balanced, without repeats, and the same for whoever asks."""

import numpy as np
import pytest

from luthier.episodes.sampler import Shape, sample_episodes, split_classes

LABELS = np.repeat(np.arange(7), [9, 12, 9, 30, 9, 10, 11])[
    np.random.default_rng(0).permutation(90)
]
SHAPE = Shape(ways=4, shots=2, queries=5)


def drawn(n_episodes=200, *, seed=0):
    return sample_episodes(LABELS, SHAPE, n_episodes, seed=seed)


def test_no_row_is_learned_from_and_judged_by_at_once():
    for episode in drawn():
        assert len(np.unique(episode)) == SHAPE.rows == 28
    assert drawn().shape == (200, 4, 7)


def test_each_way_is_one_class_and_no_class_stands_twice():
    for episode in drawn():
        ways = LABELS[episode]  # (ways, shots + queries)
        assert (ways == ways[:, :1]).all()
        assert len(np.unique(ways[:, 0])) == SHAPE.ways


def test_large_classes_are_drawn_no_more_often_than_small_ones():
    counts = np.bincount(LABELS[drawn(2000)][:, :, 0].reshape(-1), minlength=7)
    expected = 2000 * SHAPE.ways / 7
    assert (abs(counts - expected) < 5 * expected**0.5).all()  # five standard deviations


def test_classes_and_rows_are_drawn_evenly_over_places():
    firsts = LABELS[drawn(2000)][:, 0, 0]
    assert np.bincount(firsts, minlength=7).min() > 200  # of 286 expected
    assert len(np.unique(drawn(2000))) == len(LABELS)


def test_the_seed_alone_decides():
    assert np.array_equal(drawn(), drawn())
    assert not np.array_equal(drawn(), drawn(seed=1))


def test_more_episodes_leave_the_first_ones_as_they_are():
    assert np.array_equal(drawn(20), drawn(50)[:20])


def test_classes_are_parted_without_overlap():
    learned, held_out = split_classes(LABELS, 3, 0)
    assert len(held_out) == 3
    assert sorted([*learned, *held_out]) == list(range(7))
    again = split_classes(LABELS, 3, 0)
    assert np.array_equal(again[0], learned)
    assert np.array_equal(again[1], held_out)
    assert any(not np.array_equal(split_classes(LABELS, 3, n)[1], held_out) for n in range(1, 5))


def test_rows_of_held_out_classes_are_in_no_episode_of_the_others():
    learned, held_out = split_classes(LABELS, 3, 0)
    kept = np.flatnonzero(np.isin(LABELS, learned))
    episodes = kept[sample_episodes(LABELS[kept], SHAPE, 100, seed=0)]
    assert not np.isin(LABELS[episodes], held_out).any()


@pytest.mark.parametrize("n", [-1, 7, 8])
def test_no_class_left_is_refused(n):
    with pytest.raises(ValueError, match="cannot be held out"):
        split_classes(LABELS, n, 0)
