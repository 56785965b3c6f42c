"""Padding is left out of families with attention of their own, and of encoders with decoders."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

from luthier.items import Batch
from luthier.models.speedups import layout as layout_module
from luthier.models.speedups.apply import agrees, faster, ways_of
from luthier.models.speedups.attention import Among, attend
from luthier.models.speedups.layout import Layout
from luthier.models.speedups.unpadded import STEP
from luthier.models.structure import attentions, layers, stacks
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.losses import make_loss
from luthier.training.model_calls import logits_that_count, run_model
from tests.silence import ALIKE, assert_alike, silence
from tests.tiny import JUDGES, OWN, PAD, WRITERS, write_tiny_model

SOURCES, TARGETS = [9, 1, 5, 12], [4, 7, 1, 3]  # tokens of each row
GOLD = torch.tensor([0, 1, 1, 0])
LOSS = make_loss(Objective("sequence-to-sequence"), torch.device("cpu"))
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8}


def louder(model):
    """Have weights be large enough that texts, and places in them, are told apart."""
    silence(model)
    with torch.no_grad():
        for one in model.parameters():
            if one.ndim >= 2:
                one.mul_(3)
    return model


def padded_ids(lengths, *, side="right"):
    """Draw texts, and say where their tokens are."""
    torch.manual_seed(0)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(5, 90, mask.shape) * mask + PAD * (1 - mask)
    return (ids, mask) if side == "right" else (ids.flip(1), mask.flip(1))


@pytest.fixture(autouse=True)
def many_groups(monkeypatch):
    """Have rows of unequal length attend in groups, however short they are."""
    monkeypatch.setattr(layout_module, "WORTH", 0)


def judge_of(folder, family):
    """Build a classifier, and texts for it."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    ids, mask = padded_ids(SOURCES, side="left" if family == "xlnet" else "right")
    return louder(model), {"input_ids": ids, "attention_mask": mask}


def writer_of(family, tiny_model):
    """Build an encoder-decoder, and texts for it; one label is missing inside a text."""
    ids, mask = padded_ids(SOURCES)
    labels, is_token = padded_ids(TARGETS)
    labels[is_token == 0] = IGNORED
    labels[1, 2] = IGNORED
    batch = Batch({"input_ids": ids, "attention_mask": mask}, labels, len(ids))
    return louder(AutoModelForSeq2SeqLM.from_pretrained(tiny_model(family))), batch


def gradients(model):
    """Copy the gradients."""
    named = model.named_parameters()
    return {name: one.grad.clone() for name, one in named if one.grad is not None}


def judge(model, batch):
    """Give logits, and the gradient of every parameter."""
    model.train().zero_grad()
    logits = model(**batch).logits
    nn.functional.cross_entropy(logits, GOLD).backward()
    return logits.detach(), gradients(model)


def write(model, batch):
    """Give the loss of true texts, and the gradient of every parameter."""
    model.train().zero_grad()
    total = LOSS.total(run_model(model, batch, decoder=True), batch.targets, None)
    total.backward()
    return total.detach(), gradients(model)


def taking(way, compute):
    """Compute without padding, by one of the ways."""
    for stack in way:
        stack.put_in()
    given = compute()
    for stack in reversed(way):
        stack.take_out()
    return given


def tokens_seen(model, part, run):
    """Say how many slots of tokens a linear layer computes."""
    seen = []
    hook = part.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape))
    run()
    hook.remove()
    return [int(np.prod(shape[:-1])) for shape in seen]


def rounded(n_tokens):
    """Say how many slots there are with the spare ones."""
    return n_tokens + -n_tokens % STEP


def assert_as_padded(model, batch, folder_family):
    """Check a classifier whose attention is of its own."""
    before = judge(model, batch)
    assert before[0].std(dim=0).max() > 1e-4, "the texts must be told apart"
    feed_forward = [one for one in layers(model)[0].modules() if isinstance(one, nn.Linear)][-1]
    with faster(model, lambda: [model(**batch).logits]) as reason:
        assert reason is None, folder_family
        after = judge(model, batch)
        count = tokens_seen(model, feed_forward, lambda: model(**batch))
    assert_alike(before, after)
    assert count == [rounded(sum(SOURCES))] < [4 * max(SOURCES)]
    assert tokens_seen(model, feed_forward, lambda: model(**batch)) == [4 * max(SOURCES)]
    assert torch.equal(judge(model, batch)[0], before[0]), "the model must be as before"
    assert not any("forward" in part.__dict__ for part in model.modules())


@pytest.mark.parametrize("family", ["mpnet", "deberta-v2", "xlnet"])
def test_padding_is_put_back_around_attention_of_a_familys_own(family, tiny_model):
    assert_as_padded(*judge_of(tiny_model(family), family), family)


def test_distances_between_tokens_are_those_of_their_own_row(monkeypatch, tmp_path):
    monkeypatch.setitem(OWN, "deberta-v2", RELATIVE)
    folder = write_tiny_model("deberta-v2", tmp_path)
    assert_as_padded(*judge_of(folder, "deberta-v2"), "deberta-v2")


@pytest.mark.parametrize("family", [one for one in JUDGES if one not in ("xlnet", "llama")])
def test_that_way_is_the_same_function_for_every_family(family, tiny_model):
    model, batch = judge_of(tiny_model(family), family)
    model.config.pad_token_id = PAD
    *_, way = ways_of(model, model)
    assert way[0].own_attention
    before = judge(model, batch)
    way[0].put_in()
    after = judge(model, batch)
    way[0].take_out()
    assert_alike(before, after)


def test_what_looks_at_neighbours_between_blocks_keeps_its_padding(monkeypatch, tmp_path):
    monkeypatch.setitem(OWN, "deberta-v2", {"conv_kernel_size": 3})
    model, batch = judge_of(write_tiny_model("deberta-v2", tmp_path), "deberta-v2")
    before = judge(model, batch)
    with faster(model, lambda: [model(**batch).logits]) as reason:
        assert "something else" in reason
        assert torch.equal(judge(model, batch)[0], before[0])


@pytest.mark.parametrize("number", range(4), ids=["both", "both, own", "encoder", "encoder, own"])
@pytest.mark.parametrize("family", WRITERS)
def test_encoders_and_decoders_learn_as_with_padding(family, number, tiny_model):
    model, batch = writer_of(family, tiny_model)
    before = write(model, batch)
    way = list(ways_of(model, model))[number]
    assert_alike(before, taking(way, lambda: write(model, batch)))
    assert not any("unpadded" in part.__dict__ for part in model.modules())
    assert torch.equal(write(model, batch)[0], before[0]), "the model must be as before"


@pytest.mark.parametrize("family", WRITERS)
def test_the_fastest_way_is_taken_and_computes_real_tokens_alone(family, tiny_model):
    model, batch = writer_of(family, tiny_model)

    def compute():
        return logits_that_count(run_model(model, batch, decoder=True), batch, decoder=True)

    with faster(model, compute) as reason:
        assert reason is None
        for (stack, blocks), n_tokens in zip(
            stacks(model), (rounded(sum(SOURCES)), rounded(sum(TARGETS))), strict=True
        ):
            assert stack.config._attn_implementation == "luthier-unpadded"
            linear = [one for one in blocks[0].modules() if isinstance(one, nn.Linear)]
            for part in (linear[0], linear[-1]):
                assert tokens_seen(model, part, compute) == [n_tokens]
        across = [one for one in attentions(stacks(model)[1][1][0]) if not one.is_causal]
        keys = next(one for name, one in across[0].named_children() if name in ("k", "k_proj"))
        assert tokens_seen(model, keys, compute) == [rounded(sum(SOURCES))]


@pytest.mark.parametrize("family", WRITERS)
def test_a_decoder_told_of_padding_has_the_loss_of_transformers(family, tiny_model):
    model, batch = writer_of(family, tiny_model)
    model.eval()
    with torch.no_grad():
        ours = LOSS.total(run_model(model, batch, decoder=True), batch.targets, None)
        ours = ours / LOSS.weight(batch.targets, None)
        assert float(ours) == pytest.approx(
            float(model(**batch.inputs, labels=batch.targets).loss), rel=ALIKE
        )


@pytest.mark.parametrize("family", WRITERS)
def test_texts_are_written_as_ever(family, tiny_model):
    model, batch = writer_of(family, tiny_model)
    inputs = batch.inputs
    asked = {"max_new_tokens": 8, "num_beams": 2, "do_sample": False}
    written = model.eval().generate(**inputs, **asked)
    with faster(model, lambda: [run_model(model.eval(), batch, decoder=True).logits[:, 0]]) as no:
        assert no is None
        assert torch.equal(model.eval().generate(**inputs, **asked), written)
        said = model(**inputs, decoder_input_ids=written[:, :2], use_cache=True)
        assert said.past_key_values.get_seq_length() == 2


def test_a_row_without_labels_costs_nothing_and_breaks_nothing(tiny_model):
    model, batch = writer_of("bart", tiny_model)
    batch.targets[-1] = IGNORED
    before = write(model, batch)
    with faster(model, lambda: [run_model(model, batch, decoder=True).logits[:, 0]]) as reason:
        assert reason is None
        assert_alike(before, write(model, batch))


def test_a_stack_that_skips_layers_at_random_keeps_its_padding(tiny_model):
    model, batch = writer_of("bart", tiny_model)
    for stack, _ in stacks(model):
        stack.layerdrop = 0.5
    torch.manual_seed(1)
    before = [write(model, batch)[0] for _ in range(8)]
    assert len({float(one) for one in before}) > 1, "layers must be skipped"
    with faster(model, lambda: [run_model(model, batch, decoder=True).logits[:, 0]]):
        torch.manual_seed(1)
        after = [write(model, batch)[0] for _ in range(8)]
    assert torch.allclose(torch.stack(before), torch.stack(after), rtol=ALIKE)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("how", ["within", "causal", "near", "with a bias", "across"])
@pytest.mark.parametrize("step", [1, 4])
def test_attention_has_the_gradients_of_its_function(how, dropout, step):
    """The same random state gives the same function, whose slopes are found by differences."""
    layout = Layout.of(padded_ids([3, 1, 2])[1], step=step)
    n_heads, width, n_tokens = 2, 2, 6 + -6 % step
    source, n_seen = None, n_tokens
    if how == "across":
        seen = padded_ids([1, 4, 2])[1]
        source, n_seen = Layout.of(seen, layout.groups_of_rows, step=step), 7 + -7 % step
    sizes = [(n_tokens, n_heads, width), (n_seen, n_heads, width), (n_seen, n_heads, width)]
    if how == "with a bias":
        sizes.append((1, n_heads, 3, 3))
    tensors = [torch.randn(size, dtype=torch.double, requires_grad=True) for size in sizes]

    weights = torch.randn(sizes[0], dtype=torch.double)
    weights[6:] = 0  # nothing reads spare tokens

    def compute(query, key, value, bias=None):
        torch.manual_seed(0)
        options = {"scaling": 0.7, "dropout": dropout, "source": source, "bias": bias}
        among = Among(causal=how == "causal", window=1 if how == "near" else None)
        return (weights * attend(query, key, value, layout, among=among, **options)).sum()

    compute(*tensors).backward()
    step = 1e-6
    for number, one in enumerate(tensors):
        direction = torch.randn_like(one)
        moved = [
            [*tensors[:number], one + sign * step * direction, *tensors[number + 1 :]]
            for sign in (1, -1)
        ]
        with torch.no_grad():
            slope = (compute(*moved[0]) - compute(*moved[1])) / (2 * step)
        assert float(slope) == pytest.approx(float((one.grad * direction).sum()), rel=1e-5), number


def test_a_trial_sees_a_decoder_that_would_look_at_padding(tiny_model, monkeypatch):
    model, batch = writer_of("t5", tiny_model)

    def compute():
        return logits_that_count(run_model(model, batch, decoder=True), batch, decoder=True)

    way = next(ways_of(model, model))
    assert agrees(model, compute, way)
    monkeypatch.setattr("luthier.models.speedups.hf_attention._bias", lambda given, state: None)
    assert not agrees(model, compute, way)
