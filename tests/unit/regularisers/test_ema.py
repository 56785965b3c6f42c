"""The average follows its formula, and it is the weights that are scored and kept."""

import pytest
import torch

from luthier.job import Regulariser
from luthier.regularisers.ema import Ema
from luthier.training import evaluations, loop
from luthier.training.listeners import follow
from tests.toys import toy_problem

TRAINING = {"max_steps": 6, "eval_strategy": "steps", "eval_steps": 2, "use_cpu": True}
TRAINING |= {"compact_vocabulary": False}  # so that all weights can be compared
DECAY = 0.6


class Watch(Regulariser):
    """Copies the weights that are trained, at first and after every step."""

    def begin(self, model, n_steps):
        self.seen = [weights(model)]

    def after_step(self, model, step, n_steps):
        self.seen.append(weights(model))


def weights(model):
    return {name: one.detach().clone() for name, one in model.named_parameters()}


def averages(seen):
    """Give the average at first and after every step, by its formula."""
    found = [seen[0]]
    for step, trained in enumerate(seen[1:], start=1):
        share = min(DECAY, 1 - 1 / (step + 1))
        found.append(
            {name: share * found[-1][name] + (1 - share) * one for name, one in trained.items()}
        )
    return found


def assert_alike(some, others):
    assert some.keys() == others.keys()
    for name, one in some.items():
        assert torch.allclose(one, others[name], atol=1e-6), name


def train(tiny_model, monkeypatch, *hooks, scores=None, **training):
    """Train; give the model, and the weights of every evaluation."""
    job = toy_problem("text-classification", tiny_model("bert"), training={**TRAINING, **training})[
        1
    ].job
    scored, evaluate = [], evaluations.evaluate

    def noting(model, job):
        scored.append(weights(model))
        found = evaluate(model, job)
        metric = job.problem.codec.task.validation_metric
        return found if scores is None else {**found, metric: scores[len(scored) - 1]}

    monkeypatch.setattr(evaluations, "evaluate", noting)
    job = job.with_plan(regularisers=hooks)
    model = follow(loop.train(job.session.make_model(True), job), lambda info: None)
    return weights(model), scored


def test_the_average_is_scored_and_kept(tiny_model, monkeypatch):
    ema, watch = Ema(Ema.Options(decay=DECAY)), Watch()
    kept, scored = train(tiny_model, monkeypatch, ema, watch, load_best_model_at_end=False)
    wanted = averages(watch.seen)
    assert len(scored) == 3
    for number, one in enumerate(scored, start=1):
        assert_alike(one, wanted[2 * number])
    assert_alike(kept, wanted[-1])
    away = max(float((one - watch.seen[-1][name]).abs().max()) for name, one in kept.items())
    assert away > 1e-4, "the last weights are others"


@pytest.mark.parametrize(("scores", "best"), [([0.9, 0.5, 0.1], 2), ([0.1, 0.5, 0.9], 6)])
def test_the_best_average_is_kept(scores, best, tiny_model, monkeypatch):
    ema, watch = Ema(Ema.Options(decay=DECAY)), Watch()
    kept, _ = train(tiny_model, monkeypatch, ema, watch, scores=scores)
    assert_alike(kept, averages(watch.seen)[best])


def test_averaging_does_not_change_what_is_trained(tiny_model, monkeypatch):
    alone, beside = Watch(), Watch()
    train(tiny_model, monkeypatch, alone)
    train(tiny_model, monkeypatch, Ema(Ema.Options(decay=DECAY)), beside)
    for one, other in zip(alone.seen, beside.seen, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_words_that_no_row_uses_are_averaged_too(tiny_model, monkeypatch):
    """They decay alone; with them out of the model while it trains, the average is the same."""
    asked = {"weight_decay": 0.3, "adam_epsilon": 1e-5, "load_best_model_at_end": False}
    kept = [
        train(tiny_model, monkeypatch, Ema(Ema.Options(decay=DECAY)), **asked, **switch)[0]
        for switch in ({"compact_vocabulary": True}, {"compact_vocabulary": False})
    ]
    for name, one in kept[0].items():
        largest = float(one.abs().max())
        assert torch.allclose(one, kept[1][name], rtol=0, atol=1e-5 * largest), name
