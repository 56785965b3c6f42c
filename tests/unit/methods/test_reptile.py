"""Reptile's step is the paper's: φ ← φ + ε mean over episodes of (U(φ) - φ)."""

from functools import partial

import numpy as np
import pytest
import torch

from luthier.episodes.adaptation import head_of_means, take_head_off
from luthier.episodes.fitting import body_of
from luthier.episodes.learner import EpisodeCodec, EpisodeLearner, encode_episodes
from luthier.episodes.options import InnerOptions
from luthier.episodes.plan import plan_episodes
from luthier.methods.reptile import move_towards
from luthier.objective import Objective
from luthier.training.losses import make_loss
from luthier.training.model_calls import to_tensors
from tests.toys import toy_problem

OPTIONS = InnerOptions(shots=2, queries=2, inner_steps=2, inner_learning_rate=0.05, episodes=3)


@pytest.fixture
def learning(tiny_model):
    """A body without dropout, and one batch of three episodes."""
    job = toy_problem("text-classification", tiny_model("bert"), training={"use_cpu": True})[1].job
    plan = plan_episodes(job, OPTIONS)
    body = body_of(job.session.make_model(True), n_outputs=3).eval()
    learner = EpisodeLearner(body, plan.shape, partial(move_towards, options=OPTIONS))
    rows = job.problem.items["train"]
    episodes = encode_episodes(rows, plan)
    codec = EpisodeCodec(job.problem.codec, rows, lambda: None)
    batch = codec.batch(episodes, np.arange(3))
    return body, learner, to_tensors(batch)


def trained_apart(body, rows, *, ways=3, of_class=4, shots=2):
    """Train a copy of the body on one episode by PyTorch's own SGD; give its weights."""
    import copy

    model = copy.deepcopy(body)
    grouped = {name: one.unflatten(0, (ways, of_class)) for name, one in rows.items()}

    def features(part):
        return model(**{name: one[:, part].flatten(0, 1) for name, one in grouped.items()}).logits

    with torch.no_grad():
        means = features(slice(0, shots)).unflatten(0, (ways, shots)).mean(dim=1)
    head = [one.clone().requires_grad_() for one in head_of_means(means, temperature=None)]
    optimizer = torch.optim.SGD([*model.parameters(), *head], lr=OPTIONS.inner_learning_rate)
    for step in range(OPTIONS.inner_steps):
        optimizer.zero_grad()
        said = torch.nn.functional.linear(features(slice(step, None, 2)), *head)
        gold = torch.arange(ways).repeat_interleave(2)
        torch.nn.functional.cross_entropy(said, gold).backward()
        optimizer.step()
    return dict(model.named_parameters())


def test_one_step_of_sgd_moves_towards_the_mean_of_the_ends(learning):
    body, learner, batch = learning
    labels = batch.targets
    before = {name: one.detach().clone() for name, one in body.named_parameters()}
    ends = [trained_apart(body, {k: one[n] for k, one in batch.inputs.items()}) for n in range(3)]

    loss = make_loss(Objective("own"), torch.device("cpu"))
    said = learner(**batch.inputs)
    (loss.total(said, labels, None) / loss.weight(labels, None)).backward()
    torch.optim.SGD(body.parameters(), lr=0.3).step()

    moved = 0.0
    for name, one in body.named_parameters():
        towards = torch.stack([end[name].detach() for end in ends]).mean(dim=0) - before[name]
        assert torch.allclose(one, before[name] + 0.3 * towards, atol=1e-6), name
        moved += float(towards.abs().sum())
    assert moved > 0.01


def test_the_loss_told_is_that_of_the_inner_steps(learning):
    _, learner, batch = learning
    said = learner(**batch.inputs)
    assert 0 < float(said.loss.detach()) / 3 < 3


def test_features_are_given_of_rows_that_are_no_episode(learning):
    body, learner, batch = learning
    rows = {name: one[0] for name, one in batch.inputs.items()}
    assert torch.equal(learner(**rows).logits, body(**rows).logits)
    assert learner(**rows).logits.shape == (12, 32)
    take_head_off(body)  # once more changes nothing
    assert learner(**rows).logits.shape == (12, 32)
