"""Leaving padding out, and all but the token that the head reads, changes nothing that is computed.

Tolerances are relative: float32 sums in another order.
"""

import math

import numpy as np
import pytest
import torch
from torch import nn

from luthier.models.load import build_model, load_tokenizer
from luthier.models.speedups import dropout as dropout_module
from luthier.models.speedups import layout as layout_module
from luthier.models.speedups.apply import faster, read_token
from luthier.models.speedups.dropout import cheap_masks, draw_mask, drop
from luthier.models.speedups.layout import Layout, alike
from luthier.models.speedups.unpadded import Unpadded
from luthier.models.structure import layers, trunk
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.losses import make_loss
from luthier.training.model_calls import run_model, to_tensors
from luthier.training.speedups import trial_of
from tests.silence import ALIKE, assert_alike, silence
from tests.tiny import DECODERS, JUDGES
from tests.toys import toy_problem

OTHER_ATTENTION = ("deberta-v2", "mpnet", "xlnet")  # see test_unpadded_families.py
FAMILIES = [family for family in JUDGES if family not in OTHER_ATTENTION]
TEXTS = ["the cat sees a dog", "a", "what a film the cat sees a dog and a film it was a cat", "dog"]
GOLD = torch.tensor([0, 1, 2, 0])
TRAINING = {
    "max_steps": 50,
    "learning_rate": 1e-3,
    "use_cpu": True,
    "eval_strategy": "no",
    "per_device_train_batch_size": 8,
}


@pytest.fixture(autouse=True)
def many_groups(monkeypatch):
    """Have rows of unequal length attend in groups, however short they are."""
    monkeypatch.setattr(layout_module, "WORTH", 0)


def judge_of(family, tiny_model, *, texts=TEXTS, **structure):
    """Build a model without dropout whose weights are large enough to tell texts apart."""
    folder = tiny_model(family)
    tokenizer = load_tokenizer(str(folder))
    model = build_model(
        str(folder),
        tokenizer=tokenizer,
        labels=["a", "b", "c"],
        problem_type="single_label_classification",
        **structure,
    )
    silence(model)
    with torch.no_grad():
        for one in model.parameters():
            if one.ndim >= 2:
                one.mul_(4)
    return model, dict(tokenizer(texts, padding=True, return_tensors="pt"))


def learn(model, batch):
    """Give logits, and the gradient of every parameter."""
    model.train().zero_grad()
    logits = model(**batch).logits
    nn.functional.cross_entropy(logits, GOLD[: len(logits)]).backward()
    found = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    return logits.detach(), {name: one.clone() for name, one in found.items()}


def unpadded(model, chosen=None):
    """Make the speed-up for a model."""
    return Unpadded(trunk(model), list(layers(model)), model.config.num_hidden_layers, chosen)


@pytest.mark.parametrize("is_one", [False, True], ids=["all tokens", "the token that is read"])
@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_the_padded_model(family, is_one, tiny_model):
    model, batch = judge_of(family, tiny_model)
    before = learn(model, batch)
    assert before[0].std(dim=0).max() > 1e-4, "the texts must be told apart"
    chosen = read_token(model, model) if is_one else None
    assert (chosen is None) != is_one
    assert chosen in (None, "last" if family in DECODERS else "first")
    made = unpadded(model, chosen)
    made.put_in()
    after = learn(model, batch)
    with torch.no_grad():
        answered = model(**batch).logits
    made.take_out()
    assert_alike(before, after)
    assert torch.allclose(answered, before[0], atol=ALIKE * float(before[0].abs().max()))
    assert torch.equal(learn(model, batch)[0], before[0]), "the model must be as before"


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_may_stand_on_either_side(side, tiny_model):
    model, batch = judge_of("llama", tiny_model)
    if side == "left":
        batch = {name: values.flip(1) for name, values in batch.items()}
    before = learn(model, batch)
    made = unpadded(model, "last")
    made.put_in()
    after = learn(model, batch)
    made.take_out()
    assert_alike(before, after)


def test_a_head_that_pools_reads_all_tokens(tiny_model):
    model, batch = judge_of("bert", tiny_model, pooling="mean", head_dropout=0.0)
    assert read_token(model, trunk(model)) is None
    before = learn(model, batch)
    with faster(model, lambda: [model(**batch).logits]) as reason:
        assert reason is None
        assert trunk(model).config._attn_implementation == "luthier-unpadded"
        assert_alike(before, learn(model, batch))


def test_what_a_trial_finds_to_differ_is_not_used(tiny_model, monkeypatch):
    model, batch = judge_of("bert", tiny_model)
    whole = Layout.unflatten

    def wrong(self, states, slots=None):
        return whole(self, 1.1 * states, slots)

    monkeypatch.setattr(Layout, "unflatten", wrong)
    with faster(model, lambda: [model(**batch).logits]) as reason:
        assert "something else" in reason
        assert trunk(model).config._attn_implementation != "luthier-unpadded"


def test_what_is_said_of_each_token_keeps_its_loss_and_gradients(tiny_model):
    _, prepared = toy_problem("token-classification", tiny_model("bert"), training=TRAINING)
    job, items = prepared.job, prepared.job.problem.items["train"]
    assert items.cost.min() < items.cost.max(), "some must be padded"
    model = job.session.make_model(True)
    silence(model)
    batch = to_tensors(job.problem.codec.batch(items, np.arange(len(items))))
    loss = make_loss(job.plan.objective, torch.device("cpu"))

    def learn_tags():
        model.train().zero_grad()
        total = loss.total(run_model(model, batch), batch.targets, None)
        total.backward()
        named = model.named_parameters()
        return total.detach(), {name: p.grad.clone() for name, p in named if p.grad is not None}

    before = learn_tags()
    with faster(model, trial_of(model, job)) as reason:
        assert reason is None
        assert trunk(model).config._attn_implementation == "luthier-unpadded"
        assert_alike(before, learn_tags())


@pytest.mark.parametrize("optim", ["adamw_torch_fused", "sgd"])
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_fifty_steps_lead_to_the_same_weights(family, optim, tiny_model):
    """Rounding grows in 50 steps: to 1e-5 of the largest weight.

    The bias of keys moves all scores of a token alike, so its gradient is rounding alone, which
    Adam would make large: its epsilon is above that.
    """
    found = []
    for switch in (True, False):
        training = {**TRAINING, "unpadded": switch, "fast_dropout": switch}
        training |= {"optim": optim, "adam_epsilon": 1e-5}
        _, prepared = toy_problem("text-classification", tiny_model(family), training=training)
        model = prepared.job.session.make_model(True)
        silence(model)
        model = follow(train(model, prepared.job), lambda info: None)
        assert not any("forward" in part.__dict__ for part in layers(model))
        found.append(model.state_dict())
    assert found[0].keys() == found[1].keys()
    largest = max(float(values.abs().max()) for values in found[0].values())
    for name, values in found[0].items():
        assert torch.allclose(values, found[1][name], rtol=0, atol=1e-5 * largest), name


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_a_trained_model_is_left_as_transformers_has_it(task, tiny_model):
    _, prepared = toy_problem(task, tiny_model("bert"), training={**TRAINING, "max_steps": 3})
    model = follow(train(prepared.job.session.make_model(True), prepared.job), lambda info: None)
    assert model.config._attn_implementation == "sdpa"
    own = [name for name, part in model.named_modules() if "forward" in part.__dict__]
    assert own == []
    assert not any("unpadded" in part.__dict__ for part in model.modules())


def test_masks_drop_the_share_that_is_asked_for_and_keep_the_mean():
    torch.manual_seed(0)
    values = torch.ones(1000, 1000)
    for share in (0.1, 0.5):
        dropped = drop(values, dropout=share, training=True)
        error = math.sqrt(share * (1 - share) / values.numel())
        assert abs(float((dropped == 0).float().mean()) - share) < 5 * error + 1 / 65536
        assert abs(float(dropped.mean()) - 1) < 6 * error / (1 - share)
    assert drop(values, dropout=0.5, training=False) is values
    assert float(drop(values, dropout=1.0, training=True).sum()) == 0


def test_masks_follow_from_the_random_state_of_pytorch():
    values = torch.ones(64, 64)
    torch.manual_seed(3)
    first, second = draw_mask(values, 0.3).kept, draw_mask(values, 0.3).kept
    torch.manual_seed(3)
    assert torch.equal(draw_mask(values, 0.3).kept, first)
    assert not torch.equal(first, second)


def test_gradients_pass_where_values_passed():
    torch.manual_seed(0)
    values = torch.ones(50, 50, requires_grad=True)
    dropped = drop(values, dropout=0.4, training=True)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())


def test_dropout_on_attention_has_the_gradient_of_its_function(tiny_model):
    """The same random state gives the same function, whose slope is found by differences."""
    model, batch = judge_of("bert", tiny_model)
    model = model.double()
    for block in layers(model):
        block.attention.self.dropout.p = 0.3
    made = unpadded(model, None)
    made.put_in()
    model.train()
    weight = next(one for name, one in model.named_parameters() if "q" in name and one.ndim == 2)

    def loss():
        torch.manual_seed(0)
        return nn.functional.cross_entropy(model(**batch).logits, GOLD)

    model.zero_grad()
    loss().backward()
    place = np.unravel_index(int(weight.grad.abs().argmax()), weight.shape)
    step = 1e-5
    with torch.no_grad():
        weight[place] += step
        above = float(loss())
        weight[place] -= 2 * step
        below = float(loss())
    made.take_out()
    assert (above - below) / (2 * step) == pytest.approx(float(weight.grad[place]), rel=1e-4)


def test_tokens_go_flat_and_come_back(tiny_model):
    mask = torch.tensor([[1, 1, 1, 1, 0], [1, 0, 0, 0, 0], [0, 1, 1, 1, 1]])
    states = torch.randn(3, 5, 2)
    layout = Layout.of(mask)
    flat = layout.flatten(states)
    assert flat.shape == (1, 9, 2)
    assert torch.equal(layout.unflatten(flat), states * mask[:, :, None])
    assert sorted(row for group in layout.groups for row in group.rows) == [0, 1, 2]


def test_dropout_of_modules_and_functions_is_cheap_for_a_while(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        dropout_module, "draw_mask", lambda *given: drawn.append(1) or draw_mask(*given)
    )
    values = torch.ones(10, 10)
    with cheap_masks():
        with cheap_masks():
            nn.Dropout(0.5)(values)
        nn.functional.dropout(values, 0.5, training=True)
        assert len(drawn) == 2
        assert nn.functional.dropout(values, 0.5, training=False) is values
        nn.functional.dropout(values.clone(), 0.5, inplace=True)
        nn.Dropout(0.5).eval()(values)
        assert len(drawn) == 2
    nn.Dropout(0.5)(values)
    assert len(drawn) == 2, "PyTorch's own must be back"


def test_few_short_rows_are_no_group_of_their_own(monkeypatch):
    assert alike([40, 8] + [39] * 14) == [(0, *range(2, 16)), (1,)]
    monkeypatch.undo()
    assert alike([40, 8] + [39] * 14) == [(0, *range(2, 16), 1)]
    assert alike([100, 8] + [99] * 14) == [(0, *range(2, 16)), (1,)]


def test_a_group_of_long_rows_has_few():
    assert alike([300] * 5) == [(0, 1), (2, 3), (4,)]
    assert alike([600, 590, 3]) == [(0,), (1,), (2,)]


def test_spare_tokens_are_at_most_the_padding_that_they_stand_for():
    even, uneven = torch.ones(2, 5), torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert Layout.of(even, step=16).n_spare == 0
    layout = Layout.of(uneven, step=16)
    assert (layout.n_real, layout.n_spare) == (4, 2)
    states = torch.randn(2, 3, 4)
    assert torch.equal(layout.unflatten(layout.flatten(states)), states * uneven[:, :, None])
