"""Query strategies on pools in which it is known what they should choose."""

import numpy as np
import pytest

from luthier.clusters import k_means, spread_out
from luthier.next_rows import choose_next, distinct
from luthier.queries.badge import errors_of
from luthier.query import decisions_of
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.registry import names
from luthier.seeding import stream

NOTHING = np.zeros((0, 2))


def choose(name, shares, n, *, states=None, labelled=NOTHING, seed=0, **options):
    states = np.zeros((len(shares), 2)) if states is None else states
    query = make_plugin("queries", Plugin(name=name, options=options))
    return query.choose(shares, states, labelled, n, seed).tolist()


FOUR_LABELS = np.array(
    [
        [0.97, 0.01, 0.01, 0.01],  # sure
        [0.49, 0.48, 0.02, 0.01],  # two labels are close
        [0.40, 0.20, 0.20, 0.20],  # no label is likely
        [0.55, 0.15, 0.15, 0.15],
    ]
)


@pytest.mark.parametrize(
    ("name", "order"),
    [("margin", [1, 2, 3, 0]), ("least-confident", [2, 1, 3, 0]), ("entropy", [2, 3, 1, 0])],
)
def test_uncertainty_is_measured_in_three_ways(name, order):
    assert choose(name, FOUR_LABELS, 4) == order


def test_with_two_labels_the_three_ways_are_one():
    share = np.random.default_rng(0).random(50)
    shares = np.stack([share, 1 - share], axis=1)
    orders = [choose(name, shares, 50) for name in ("margin", "least-confident", "entropy")]
    assert orders[0] == orders[1] == orders[2]


def test_margin_of_several_labels_is_the_mean_of_their_distances_to_a_half():
    given = np.random.default_rng(0).random((60, 4))
    order = np.argsort(np.abs(given - 0.5).mean(axis=1))
    assert choose("margin", decisions_of(given, "multi-label"), 60) == order.tolist()


@pytest.mark.parametrize("name", ["margin", "least-confident", "entropy"])
def test_a_row_of_words_counts_by_their_mean_and_one_without_words_comes_last(name):
    sure, unsure = np.array([0.9, 0.1]), np.array([0.5, 0.5])
    rows = [np.zeros((0, 2)), np.stack([sure] * 50), unsure[None], np.stack([sure, unsure])]
    assert choose(name, rows, 4) == [2, 3, 1, 0]


@pytest.mark.parametrize("name", ["margin", "least-confident", "entropy", "badge"])
def test_a_label_that_is_alone_is_no_mistake(name):
    assert len(choose(name, np.ones((3, 1)), 2)) == 2


def test_equal_rows_are_chosen_in_random_order():
    shares = np.full((40, 2), 0.5)
    assert choose("margin", shares, 40, seed=0) != choose("margin", shares, 40, seed=1)


def test_badge_draws_what_the_seeding_of_k_means_draws_of_gradients_written_out():
    random = np.random.default_rng(0)
    shares, states = random.dirichlet(np.ones(3), 30), random.normal(size=(30, 5))
    features = np.column_stack([states, np.ones(30)])
    gradients = (errors_of(shares)[:, :, None] * features[:, None, :]).reshape(30, -1)
    for seed in range(5):
        drawn = spread_out(
            lambda index: ((gradients - gradients[index]) ** 2).sum(axis=1),
            30,
            8,
            stream(seed, "badge"),
            first=(gradients**2).sum(axis=1),
        )
        assert choose("badge", shares, 8, states=states, seed=seed) == drawn


def test_badge_draws_unsure_rows_that_differ():
    """Ten unsure rows lie on one place and one lies elsewhere: both places are drawn from."""
    states = np.array([[5.0, 0.0]] * 10 + [[0.0, 5.0]] + [[3.0, 3.0]] * 10)
    shares = np.array([[0.5, 0.5]] * 11 + [[0.0, 1.0]] * 10)
    for seed in range(10):
        found = choose("badge", shares, 2, states=states, seed=seed)
        assert 10 in found
        assert max(found) < 11


def clouds(centres, sizes, spread=0.05, seed=0):
    random = np.random.default_rng(seed)
    return np.concatenate(
        [
            np.array(centre) + spread * random.normal(size=(size, len(centre)))
            for centre, size in zip(centres, sizes, strict=True)
        ]
    )


CENTRES = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
SIZES = [30, 20, 10]


def test_typiclust_takes_the_middle_of_each_cloud_the_largest_first():
    states = clouds(CENTRES, SIZES)
    found = choose("typiclust", states, 3, states=states, labelled=states[:0])
    clouds_of = np.repeat([0, 1, 2], SIZES)
    assert clouds_of[found].tolist() == [0, 1, 2]
    unit = states / np.linalg.norm(states, axis=1, keepdims=True)
    for index in found:
        here = unit[clouds_of == clouds_of[index]]
        distances = np.linalg.norm(here - here.mean(axis=0), axis=1)
        own = np.linalg.norm(unit[index] - here.mean(axis=0))
        assert (distances < own).mean() < 0.35


def test_typiclust_leaves_clouds_alone_that_have_a_label():
    states = clouds(CENTRES, SIZES)
    labelled = clouds(CENTRES[:1], [1], seed=1)
    found = choose("typiclust", states, 2, states=states, labelled=labelled)
    assert np.repeat([0, 1, 2], SIZES)[found].tolist() == [1, 2]


def test_typiclust_takes_outliers_last():
    states = clouds([*CENTRES, [-1.0, -1.0, -1.0]], [30, 20, 10, 1])
    found = choose("typiclust", states, 4, states=states, labelled=states[:0])
    assert 60 not in found
    found = choose("typiclust", states, 61, states=states, labelled=states[:0], most_groups=4)
    assert found[-1] == 60


def test_k_means_finds_clouds():
    groups = k_means(clouds(CENTRES, SIZES), 3, np.random.default_rng(0))
    parts = np.split(groups, [30, 50])
    assert [len({*part.tolist()}) for part in parts] == [1, 1, 1]
    assert len({int(part[0]) for part in parts}) == 3


def test_points_are_drawn_in_proportion_to_their_squared_distances():
    place = np.array([0.0, 1.0, 3.0])
    firsts, seconds = np.zeros(3), np.zeros((3, 3))
    for seed in range(6000):
        random = np.random.default_rng(seed)
        first, second = spread_out(lambda index: (place - place[index]) ** 2, 3, 2, random)
        firsts[first] += 1
        seconds[first, second] += 1
    assert firsts / 6000 == pytest.approx([1 / 3, 1 / 3, 1 / 3], abs=0.03)
    shares = seconds / seconds.sum(axis=1, keepdims=True)
    assert shares[0] == pytest.approx([0, 0.1, 0.9], abs=0.04)
    assert shares[1] == pytest.approx([0.2, 0, 0.8], abs=0.04)


@pytest.mark.parametrize("name", names("queries"))
def test_near_copies_are_passed_over_and_the_batch_is_still_full(name):
    text = "a film that is a joy to see and to hear, number "
    texts = (
        [text + "one"] * 20
        + [text + "two"] * 20
        + [f"{word} " * 9 for word in ("horse", "lamp", "river", "chess", "moon", "taxes")]
    )
    query = make_plugin("queries", Plugin(name=name))
    random = np.random.default_rng(0)
    shares, states = random.dirichlet(np.ones(3), 46), random.normal(size=(46, 4))
    found = choose_next(query, shares, states, states[:0], texts, n=5, seed=0)
    assert len(found) == 5
    assert len(distinct([texts[index] for index in found])) == 5


def test_a_pool_of_copies_gives_what_it_has():
    query = make_plugin("queries", Plugin(name="random"))
    states = np.zeros((9, 2))
    assert len(choose_next(query, None, states, states[:0], ["the same"] * 9, n=5, seed=0)) == 1


def test_texts_of_emoji_are_not_the_same():
    assert distinct(["😀", "😢", "😀"]) == [0, 1]
