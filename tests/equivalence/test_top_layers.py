"""Trained on stored states, a model becomes the very one that it becomes with its layers frozen."""

import numpy as np
import pytest
import torch

from luthier.errors import ModelError
from luthier.frozen_features import stored_states
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.training.listeners import follow
from tests.tiny import JUDGES, OWN, write_tiny_model
from tests.toys import toy_problem

TRAINING = {"max_steps": 6, "learning_rate": 1e-2, "use_cpu": True, "logging_steps": 1}
SHARING = {"albert"}


def fit(prepared, monkeypatch=None, **options):
    """Train the top layer; give the steps and the model. With `monkeypatch`, states are refused."""
    if monkeypatch is not None:
        monkeypatch.setattr(stored_states, "why_not", lambda *args: "they shall not be")
    method = make_plugin("methods", Plugin(name="top-layers", options={"n_layers": 1, **options}))
    model, steps = prepared.job.session.make_model(True), []
    for module in model.modules():  # without dropout, which lies above and below the cut
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return steps, follow(method.fit(model, prepared.job), steps.append)


def weights(model):
    """Copy all weights."""
    return {name: values.clone() for name, values in model.state_dict().items()}


@pytest.mark.parametrize("family", [family for family in JUDGES if family not in SHARING])
def test_stored_states_give_the_weights_of_frozen_layers(family, tiny_model, monkeypatch):
    _, prepared = toy_problem("text-classification", tiny_model(family), training=TRAINING)
    steps, stored = fit(prepared)
    _, computed = fit(prepared, monkeypatch)
    phases = {step.phase for step in steps}
    assert "states of train" in phases
    assert "states of validation" in phases
    assert not any(step.message for step in steps)
    for name, values in weights(stored).items():
        assert torch.allclose(values, computed.state_dict()[name], atol=1e-4), name
    losses = [step.loss for step in steps if step.phase == prepared.job.session.phase]
    assert losses[0] != losses[-1]


@pytest.mark.parametrize(
    ("task", "family"),
    [
        ("token-classification", "bert"),
        ("question-answering", "distilbert"),
        ("causal-lm", "gpt2"),
        ("causal-lm", "llama"),
        ("text-regression", "deberta-v2"),
    ],
)
def test_other_tasks_store_states_too(task, family, tiny_model, monkeypatch):
    _, prepared = toy_problem(task, tiny_model(family), training=TRAINING)
    steps, stored = fit(prepared)
    _, computed = fit(prepared, monkeypatch)
    assert not any("not stored" in (step.message or "") for step in steps)
    for name, values in weights(stored).items():
        assert torch.allclose(values, computed.state_dict()[name], atol=1e-4), name


@pytest.mark.parametrize(
    ("task", "family", "why"),
    [
        ("masked-lm", "bert", "other words are masked"),
        ("translation", "t5", "a decoder needs its encoder"),
        ("multiple-choice", "bert", "more than one text"),
    ],
)
def test_where_states_cannot_be_stored_the_run_says_so(task, family, why, tiny_model):
    _, prepared = toy_problem(task, tiny_model(family), training=TRAINING)
    before = weights(prepared.job.session.make_model(True))
    steps, model = fit(prepared)
    assert why in steps[0].message
    after = weights(model)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    words = next(name for name in after if "word_embeddings" in name or "shared" in name)
    assert words not in changed


def test_states_on_disk_are_those_in_memory(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=TRAINING)
    _, in_memory = fit(prepared)
    _, on_disk = fit(prepared, memory_gib=0)
    for name, values in weights(in_memory).items():
        assert torch.equal(values, on_disk.state_dict()[name]), name


def test_the_model_is_whole_again_afterwards(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=TRAINING)
    _, model = fit(prepared)
    fresh = prepared.job.session.make_model(True).eval()
    fresh.load_state_dict(model.state_dict())
    ids = torch.arange(5, 15)[None]
    with torch.no_grad():
        assert np.allclose(model(input_ids=ids).logits, fresh(input_ids=ids).logits, atol=1e-6)


def test_what_the_lower_layers_use_is_frozen(monkeypatch, tmp_path):
    """DeBERTa's table of relative positions lies beside its blocks, and serves all of them."""
    monkeypatch.setitem(OWN, "deberta-v2", {"relative_attention": True, "pos_att_type": ["c2p"]})
    folder = write_tiny_model("deberta-v2", tmp_path)
    _, prepared = toy_problem("text-classification", folder, training=TRAINING)
    before = weights(prepared.job.session.make_model(True))
    _, model = fit(prepared)
    table = next(name for name in before if "rel_embeddings" in name)
    assert torch.equal(model.state_dict()[table], before[table])


@pytest.mark.parametrize(("family", "n_layers"), [("bert", 2), ("albert", 1)])
def test_a_model_that_cannot_be_cut_is_refused(family, n_layers, tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model(family), training=TRAINING)
    with pytest.raises(ModelError, match="to cut between"):
        fit(prepared, n_layers=n_layers)
