"""MAML's gradient goes through its inner steps; what is left out changes it as said."""

from functools import partial

import numpy as np
import pytest
import torch

from luthier.episodes.fitting import body_of
from luthier.episodes.learner import EpisodeCodec, EpisodeLearner, encode_episodes
from luthier.episodes.plan import plan_episodes
from luthier.methods.maml import MamlOptions, judge_after_steps
from luthier.training.model_calls import to_tensors
from tests.tiny import JUDGES
from tests.toys import toy_problem

FEW = {"shots": 2, "queries": 2, "episodes": 2, "inner_steps": 2, "inner_learning_rate": 0.1}


def learn(tiny_model, family="bert", **options):
    """Give the logits of two episodes, their labels and the body's gradient."""
    asked = MamlOptions(**{**FEW, **options})
    training = {"use_cpu": True}
    job = toy_problem("text-classification", tiny_model(family), training=training)[1].job
    plan = plan_episodes(job, asked)
    body = body_of(job.session.make_model(True), n_outputs=3)
    learner = EpisodeLearner(body, plan.shape, partial(judge_after_steps, options=asked)).train()
    rows = job.problem.items["train"]
    codec = EpisodeCodec(job.problem.codec, rows, lambda: None)
    batch = to_tensors(codec.batch(encode_episodes(rows, plan), np.arange(2)))
    labels = batch.targets
    logits = learner(**batch.inputs).logits
    torch.nn.functional.cross_entropy(logits, labels).backward()
    slopes = [one.grad.flatten() for one in body.parameters() if one.grad is not None]
    return logits.detach(), labels, torch.cat(slopes)


def test_an_episode_gives_logits_of_its_queries(tiny_model):
    logits, labels, _ = learn(tiny_model)
    assert logits.shape == (2, 3, 6)  # episodes, ways, queries
    assert labels.tolist() == [[0, 0, 1, 1, 2, 2]] * 2


def test_second_derivatives_change_the_gradient_and_not_the_answers(tiny_model):
    logits, _, slopes = learn(tiny_model)
    others, _, first = learn(tiny_model, first_order=True)
    assert torch.allclose(logits, others, atol=1e-5)
    assert not torch.allclose(slopes, first, rtol=0.05)


def test_inner_steps_of_the_head_alone_are_other_steps(tiny_model):
    assert not torch.allclose(learn(tiny_model)[0], learn(tiny_model, anil=True)[0], atol=1e-3)


def test_a_head_begun_at_zero_knows_nothing_before_its_first_step(tiny_model):
    shy = {"head": "zeros", "inner_learning_rate": 1e-9}
    logits, _, _ = learn(tiny_model, **shy)
    assert torch.allclose(logits, torch.zeros_like(logits), atol=1e-5)


def test_dropout_is_off_inside_and_as_it_was_after(tiny_model):
    assert torch.equal(learn(tiny_model)[0], learn(tiny_model)[0])


@pytest.mark.parametrize("family", JUDGES)
def test_every_family_is_differentiated_twice(family, tiny_model):
    _, _, slopes = learn(tiny_model, family)
    assert torch.isfinite(slopes).all()
    assert slopes.any()


def test_the_gradient_agrees_with_finite_differences(tiny_model):
    """Along one random direction, in double precision, through all inner steps."""
    asked = MamlOptions(**FEW)
    job = toy_problem("text-classification", tiny_model("bert"), training={"use_cpu": True})[1].job
    plan = plan_episodes(job, asked)
    body = body_of(job.session.make_model(True), n_outputs=3).double()
    learner = EpisodeLearner(body, plan.shape, partial(judge_after_steps, options=asked))
    rows = job.problem.items["train"]
    codec = EpisodeCodec(job.problem.codec, rows, lambda: None)
    batch = to_tensors(codec.batch(encode_episodes(rows, plan), np.arange(2)))
    labels = batch.targets
    weight = body.inner.encoder.layer[1].output.dense.weight
    direction = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)).double()

    def outer():
        return torch.nn.functional.cross_entropy(learner(**batch.inputs).logits, labels)

    outer().backward()
    along = float((weight.grad * direction).sum())
    reach, ends = 1e-4, []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * reach * direction)
            ends.append(float(outer()))
            weight.sub_(sign * reach * direction)
    assert along == pytest.approx((ends[0] - ends[1]) / (2 * reach), rel=1e-3)
