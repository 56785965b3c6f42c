"""Normalised AOPC, against every order of the words written out."""

from itertools import permutations

import numpy as np
import pytest

from luthier.errors import DataError
from luthier.explaining.erasure import best_first, likelihood
from luthier.explaining.explain import answer_rows
from luthier.explaining.normalised import beam, compare_normalised, every_order, naopc
from luthier.training.listeners import follow
from tests.toys import toy_problem
from tests.unit.explaining.fakes import LABEL, Sum

TANGLED = Sum([0.5, -1.0, 2.0, 0.3, -0.2], together={(0, 1): 3.0, (2, 3): -2.5, (1, 4): 1.0})


def left(reader, order):
    """What an order leaves, summed over its steps."""
    gone = np.zeros((reader.n_words, reader.n_words), dtype=bool)
    for step in range(reader.n_words):
        gone[step, list(order[: step + 1])] = True
    return likelihood(reader.scores(gone), LABEL, 1.0).sum()


def ask(gone):
    return likelihood(TANGLED.scores(gone), LABEL, 1.0)


@pytest.mark.parametrize("lowest", [True, False])
def test_the_best_and_the_worst_order_are_found(lowest):
    written_out = [left(TANGLED, order) for order in permutations(range(5))]
    expected = min(written_out) if lowest else max(written_out)
    assert every_order(ask, 5, lowest=lowest) == pytest.approx(expected)
    assert beam(ask, 5, lowest=lowest, width=10) == pytest.approx(expected)


def test_an_explainer_is_placed_between_worst_and_best():
    written_out = [left(TANGLED, order) for order in permutations(range(5))]
    values = np.array([0.1, 3.0, 2.0, -1.0, 0.5])
    own = left(TANGLED, best_first(values))
    expected = (max(written_out) - own) / (max(written_out) - min(written_out))
    assert naopc(TANGLED, LABEL, values) == pytest.approx(expected)


def test_sums_are_explained_by_their_parts_and_by_nothing_else():
    brings = np.array([2.0, -1.0, 0.5, 0.0, 3.0, -2.0, 0.1, 0.2, 0.3, 1.0])  # so the beam searches
    assert naopc(Sum(brings), LABEL, brings) == pytest.approx(1.0)
    assert naopc(Sum(brings), LABEL, -brings) == pytest.approx(0.0)
    assert np.isnan(naopc(Sum(np.zeros(4)), LABEL, np.arange(4.0)))


def test_a_model_is_as_faithful_as_itself(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    problem = prepared.job.problem
    model = prepared.job.session.make_model(True).eval()
    model.classifier.weight.data *= 20
    rows = type(problem.splits.test).of({"text": ["snow over town", "sun", "rain, they say"]})
    answered = answer_rows(model, problem.codec, rows, batch_size=8)
    steps = compare_normalised((answered, answered), ("a", "b"), by="occlusion")
    found = follow(steps, lambda info: None)
    assert found.n_rows == 2  # one of them has one word
    assert found.difference.value == 0
    assert 0 <= found.scores["a"].value <= 1
    assert "not distinguishable" in found.verdict
    alone = answer_rows(model, problem.codec, rows.take([1]), batch_size=8)
    with pytest.raises(DataError, match="No row can be compared"):
        follow(compare_normalised((alone, alone), ("a", "b")), lambda info: None)
