"""Every query strategy is held to its contract: which rows it gives, and what they depend on."""

import numpy as np
import pytest

from luthier.errors import RecipeError
from luthier.protocols import KINDS
from luthier.query import decisions_of
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.registry import find, names

QUERIES = names("queries")
ASKING = [name for name in QUERIES if find("queries", name).needs_model]
CASES = [(name, kind) for name in QUERIES for kind in sorted(find("queries", name).kinds)]
WIDTH = 6
each = pytest.mark.parametrize("name", QUERIES)
each_case = pytest.mark.parametrize(("name", "kind"), CASES)


def make(name):
    return make_plugin("queries", Plugin(name=name))


def states_of(n_rows, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, WIDTH)).astype(np.float32)


NOTHING = np.zeros((0, WIDTH), dtype=np.float32)


def said(kind, n_rows, seed=0):
    """What a model says of rows, as decisions; None for targets that have no probabilities."""
    random = np.random.default_rng(seed)
    if kind == "multi-label":
        return decisions_of(random.random((n_rows, 3)), kind)
    if kind == "tags":
        lengths = random.integers(0, 9, n_rows)
        return decisions_of([random.dirichlet(np.ones(4), one) for one in lengths], kind)
    if kind in ("single-label", "choice"):
        return decisions_of(random.dirichlet(np.ones(4), n_rows), kind)
    return None


def certain_but_for(kind, unsure, n_rows):
    """Rows that a model is sure of, but for some."""
    made = []
    for row in range(n_rows):
        n_decisions = {"multi-label": 3, "tags": 1 if row in unsure else 9}.get(kind, 1)
        shares = np.tile(np.array([[0.01, 0.99]]), (n_decisions, 1))
        made.append(np.full_like(shares, 0.5) if row in unsure else shares)
    return made if kind == "tags" else np.stack(made)


@each
def test_it_chooses_for_kinds_of_target_that_there_are(name):
    assert find("queries", name).kinds
    assert find("queries", name).kinds <= KINDS


@each_case
@pytest.mark.parametrize(("n", "n_labelled"), [(0, 0), (1, 0), (7, 5), (40, 3), (50, 0)])
def test_it_gives_so_many_rows_of_the_pool_each_once(name, kind, n, n_labelled):
    found = make(name).choose(said(kind, 40), states_of(40), states_of(n_labelled, 1), n, 0)
    assert found.dtype.kind == "i"
    assert len(found) == min(n, 40)
    assert len({*found.tolist()}) == len(found)
    assert set(found.tolist()) <= set(range(40))


@each_case
def test_it_gives_the_same_rows_for_the_same_seed_and_changes_nothing_that_it_is_given(name, kind):
    shares, states, labelled = said(kind, 30), states_of(30), states_of(4, 1)
    kept = [np.array(one) for one in (states, labelled)]
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    found = [make(name).choose(shares, states, labelled, 9, 3).tolist() for _ in range(2)]
    assert found[0] == found[1]
    assert np.array_equal(np.random.get_state()[1], before)
    for one, other in zip(kept, (states, labelled), strict=True):
        assert np.array_equal(one, other)
    if shares is not None:
        again = said(kind, 30)
        assert all(np.array_equal(*both) for both in zip(again, shares, strict=True))


@each_case
@pytest.mark.parametrize("n_rows", [0, 1, 2])
def test_it_chooses_from_the_smallest_pools(name, kind, n_rows):
    found = make(name).choose(said(kind, n_rows), states_of(n_rows), NOTHING, 5, 0)
    assert sorted(found.tolist()) == [*range(n_rows)]


@each_case
def test_it_chooses_from_rows_that_are_all_the_same(name, kind):
    one = said(kind, 1, seed=5)
    shares = (
        None if one is None else [one[0]] * 12 if kind == "tags" else np.repeat(one, 12, axis=0)
    )
    found = make(name).choose(shares, np.zeros((12, WIDTH)), NOTHING, 5, 0)
    assert len({*found.tolist()}) == 5


@pytest.mark.parametrize("name", [one for one in QUERIES if one not in ASKING])
def test_one_that_needs_no_model_chooses_the_first_rows(name):
    assert len(make(name).choose(None, states_of(20), NOTHING, 4, 0)) == 4


@pytest.mark.parametrize("name", ASKING)
def test_one_that_needs_a_model_says_so(name):
    with pytest.raises(ValueError, match="needs probabilities"):
        make(name).choose(None, states_of(20), NOTHING, 4, 0)


@pytest.mark.parametrize(
    ("name", "kind"), [case for case in CASES if find("queries", case[0]).needs_model]
)
def test_one_that_asks_a_model_prefers_what_it_is_unsure_of_to_what_is_long(name, kind):
    unsure = {2, 11, 17}
    shares = certain_but_for(kind, unsure, 20)
    states = np.eye(20)  # rows that have nothing in common
    found = [make(name).choose(shares, states, np.zeros((0, 20)), 3, seed) for seed in range(10)]
    hits = sum(len(unsure & {*one.tolist()}) for one in found)
    assert hits >= 27  # of 30; some draw


@each
def test_an_option_that_there_is_not_is_refused(name):
    with pytest.raises(RecipeError, match="temprature"):
        make_plugin("queries", Plugin(name=name, options={"temprature": 1}))


def test_a_mistyped_strategy_is_answered_with_the_nearest():
    with pytest.raises(RecipeError, match="no query strategy called 'margn'") as caught:
        find("queries", "margn")
    assert "margin" in caught.value.hint
