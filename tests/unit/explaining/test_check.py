"""The check of explanations, on tiny models: what it calls better, and what it finds wanting."""

import numpy as np
import pytest
import torch

from luthier.errors import DataError, ModelError
from luthier.explaining import check as checking
from luthier.explaining.check import check_explanations, similarity
from luthier.explaining.explain import answer_rows
from luthier.explaining.redrawn import EVERYTHING, HEAD, redrawn, weights_of
from luthier.explanation import Attribution
from luthier.training.listeners import follow
from tests.toys import toy_problem


@pytest.fixture(scope="module")
def answered(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"))
    problem = prepared.job.problem
    torch.manual_seed(0)
    model = prepared.job.session.make_model(True).eval()
    model.classifier.weight.data *= 20  # sure enough that its words matter
    rows = problem.splits.test.take(range(6))
    return answer_rows(model, problem.codec, rows, batch_size=8)


def checked(answered, **options):
    steps = []
    found = follow(check_explanations(answered, n_resamples=200, **options), steps.append)
    assert steps[-1].step == steps[-1].n_steps
    return found


class Blind:
    """Weighs words by their places: knows nothing of the model."""

    name, needs_gradients = "blind", False

    def explain(self, reader):
        without = np.zeros((1, reader.n_words), dtype=bool)
        return Attribution(np.arange(reader.n_words) + 1.0, float(reader.scores(without)[0]))


class Oracle:
    """Knows what every word is worth, because it asks without it."""

    name, needs_gradients = "oracle", False

    def explain(self, reader):
        scores = reader.scores(np.eye(reader.n_words + 1, reader.n_words, k=-1, dtype=bool))
        return Attribution(scores[0] - scores[1:], float(scores[0]))


@pytest.fixture
def own(monkeypatch):
    made = {one.name: one for one in (Blind, Oracle)}
    monkeypatch.setattr(checking, "make_explainer", lambda name: made[name]())


def test_words_that_matter_are_better_than_random_ones_and_places_are_not(answered, own):
    found = checked(answered, by=["oracle", "blind"])
    oracle, blind = found.explainers
    assert [one.measure for one in oracle.erased] == ["comprehensiveness", "sufficiency"] * 2
    assert (
        oracle.erased[0].gain.low > 0 > oracle.erased[1].score.value - oracle.erased[1].random.value
    )
    assert abs(blind.erased[0].gain.value) < oracle.erased[0].gain.value / 2
    assert found.verdict[0].startswith("oracle is better than random words")
    assert "n = 6" in found.verdict[0]


def test_a_map_that_ignores_the_weights_is_found_wanting(answered, own):
    found = checked(answered, by=["blind", "oracle"])
    blind, oracle = found.explainers
    assert blind.redrawn[HEAD].value == blind.redrawn[EVERYTHING].value == 1.0
    assert oracle.redrawn[EVERYTHING].value < 0.8
    assert any(
        "do not matter to blind, so it says nothing about the label" in one for one in found.verdict
    )
    assert any("blind names the same words when all weights" in one for one in found.verdict)


def test_gradient_norm_says_nothing_about_the_label(answered):
    found = checked(answered, by=["gradient-norm", "integrated-gradients"])
    norm, gradients = found.explainers
    assert norm.redrawn[HEAD].value > gradients.redrawn[HEAD].value
    assert norm.error is None
    assert gradients.worst_error <= 0.01
    assert any("weights do not matter to gradient-norm" in one for one in found.verdict)


def test_results_are_the_same_again_and_fit_into_json(answered, own):
    first, again = (checked(answered, by=["oracle"]).to_json() for _ in range(2))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert first["shares"] == (0.01, 0.05, 0.1, 0.2, 0.5)


@pytest.mark.parametrize("part", [HEAD, EVERYTHING])
def test_weights_are_restored_bit_by_bit_whatever_happens(answered, part):
    before = {name: one.clone() for name, one in answered.model.state_dict().items()}
    drawn = {id(one) for one in weights_of(answered.model, part)}
    names = [name for name, one in answered.model.named_parameters() if id(one) in drawn]
    assert (set(names) == {"classifier.weight", "classifier.bias"}) == (part == HEAD)
    now = {}

    def stopped():
        with redrawn(answered.model, part, seed=0, draw=0):
            now.update({name: one.clone() for name, one in answered.model.state_dict().items()})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    weight = "classifier.weight"
    assert not torch.equal(now[weight], before[weight])
    assert 0.5 < now[weight].std() / before[weight].std() < 2
    for name, one in answered.model.state_dict().items():
        assert torch.equal(one, before[name]), name


def test_draws_follow_from_seed_and_number(answered):
    def drawn(**options):
        with redrawn(answered.model, HEAD, **options):
            return answered.model.classifier.weight.detach().clone()

    first = drawn(seed=0, draw=0)
    assert torch.equal(first, drawn(seed=0, draw=0))
    assert not torch.equal(first, drawn(seed=0, draw=1))
    assert not torch.equal(first, drawn(seed=1, draw=0))


def test_similarity_is_of_sizes_and_of_neither_direction():
    values = np.array([0.1, -2.0, 3.0, 0.5, -0.2])
    assert similarity(values, -7 * values) == similarity(values, 1 / values) == 1.0
    assert np.isnan(similarity(values[:4], values[:4]))
    assert np.isnan(similarity(values, np.ones(5)))


def test_rows_without_two_words_cannot_be_checked(answered):
    rows = type(answered.rows).of({"text": ["snow", ""]})
    few = answer_rows(answered.model, answered.codec, rows, batch_size=8)
    with pytest.raises(DataError, match="no decision to check"):
        checked(few)


def test_explainers_without_gradients_are_named_where_there_are_none(answered):
    answered.model.classifier.keys = None  # as heads have that look up stored rows
    try:
        with pytest.raises(ModelError, match="needs gradients") as refused:
            checked(answered)
    finally:
        del answered.model.classifier.keys
    assert "occlusion" in refused.value.hint
