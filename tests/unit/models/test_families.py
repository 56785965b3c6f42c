"""Every family is built, changed, cut in two, saved and read back alike."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from luthier.errors import ModelError
from luthier.models.heads import needs
from luthier.models.load import build_model, load_saved, load_tokenizer, save_model
from luthier.models.structure import (
    compute_again,
    count_parameters,
    embeddings,
    head_modules,
    layers,
    pooled_features,
    probe_of,
)
from luthier.text.tokenize import tokenize
from tests.batches import pad_tokens
from tests.tiny import DECODERS, JUDGES

TEXTS = ["Rain over the hills, they say.", "Snow", "The soup number 3 was superb, they say."]


def build(folder, **changes):
    tokenizer = load_tokenizer(str(folder), new_tokens=changes.pop("new_tokens", ()))
    model = build_model(
        str(folder),
        tokenizer=tokenizer,
        labels=("a", "b", "c"),
        problem_type="single_label_classification",
        **changes,
    )
    return model.eval(), tokenizer


def batch_of(tokenizer, texts=TEXTS):
    inputs, _ = tokenize(tokenizer, texts, max_tokens=32)
    batch = pad_tokens(inputs, np.arange(len(texts)), tokenizer=tokenizer)
    return {name: torch.from_numpy(values) for name, values in batch.items()}


@torch.no_grad()
def logits_of(model, tokenizer, texts=TEXTS):
    return model(**batch_of(tokenizer, texts)).logits


@pytest.mark.parametrize("family", JUDGES)
class TestEveryFamily:
    def test_reads_back_with_transformers_alone(self, family, tiny_model, tmp_path):
        model, tokenizer = build(tiny_model(family))
        save_model(model, tokenizer, tmp_path)
        plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
        assert plain.config.id2label == {0: "a", 1: "b", 2: "c"}
        assert torch.allclose(logits_of(plain, tokenizer), logits_of(model, tokenizer), atol=1e-6)

    def test_padding_changes_no_answer(self, family, tiny_model):
        model, tokenizer = build(tiny_model(family))
        together = logits_of(model, tokenizer)
        alone = torch.cat([logits_of(model, tokenizer, [text]) for text in TEXTS])
        assert torch.allclose(together, alone, atol=1e-5)

    @pytest.mark.parametrize("pooling", ["default", "cls", "mean", "max", "attention"])
    def test_an_empty_text_is_answered_alone_and_among_others(self, family, pooling, tiny_model):
        model, tokenizer = build(tiny_model(family), pooling=pooling)
        alone = logits_of(model, tokenizer, [""])
        assert alone.abs().max() < 100  # neither infinite nor the mask's filling
        together = logits_of(model, tokenizer, ["", *TEXTS])
        assert torch.allclose(together[:1], alone, atol=1e-5)

    @pytest.mark.parametrize("pooling", ["default", "cls", "mean", "max"])
    def test_trunk_and_head_make_the_model(self, family, pooling, tiny_model):
        model, tokenizer = build(tiny_model(family), pooling=pooling)
        probe = probe_of(model)
        with torch.no_grad():
            rebuilt = probe.head(probe.features(batch_of(tokenizer)))
        assert torch.allclose(rebuilt, logits_of(model, tokenizer), atol=1e-5)
        of_head = {id(p) for p in probe.head.parameters()}
        assert of_head == {
            id(p) for name in head_modules(model) for p in getattr(model, name).parameters()
        }

    def test_the_same_seed_builds_the_same_model(self, family, tiny_model):
        for pretrained in (True, False):
            first, _ = build(tiny_model(family), pretrained=pretrained, seed=1)
            torch.rand(3)
            second, _ = build(tiny_model(family), pretrained=pretrained, seed=1)
            pairs = zip(first.parameters(), second.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)

    def test_random_weights_are_not_the_trained_ones(self, family, tiny_model):
        trained, _ = build(tiny_model(family), seed=5)
        fresh, _ = build(tiny_model(family), pretrained=False, seed=5)
        same = trained.get_input_embeddings().weight, fresh.get_input_embeddings().weight
        assert not torch.allclose(*same)

    @pytest.mark.parametrize("pooling", ["cls", "mean", "max", "attention"])
    def test_own_heads_read_back(self, family, pooling, tiny_model, tmp_path):
        model, tokenizer = build(tiny_model(family), pooling=pooling, head_hidden_layers=(8,))
        save_model(model, tokenizer, tmp_path)
        again, _ = load_saved(tmp_path)
        assert torch.allclose(logits_of(again, tokenizer), logits_of(model, tokenizer), atol=1e-6)
        assert "luthier.load" in needs(again)

    def test_new_tokens_have_embeddings(self, family, tiny_model):
        model, tokenizer = build(tiny_model(family), new_tokens=("zyxzyx", "qqq"))
        assert tokenizer.tokenize("zyxzyx") == ["zyxzyx"]
        assert model.get_input_embeddings().num_embeddings >= len(tokenizer)
        assert logits_of(model, tokenizer, ["zyxzyx qqq"]).shape == (1, 3)

    def test_mean_features_ignore_padding(self, family, tiny_model):
        model, tokenizer = build(tiny_model(family))
        with torch.no_grad():
            together = pooled_features(model, batch_of(tokenizer))
            alone = pooled_features(model, batch_of(tokenizer, TEXTS[1:2]))
        assert torch.allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize("family", [name for name in JUDGES if name != "albert"])
def test_layers_are_dropped_fresh_or_frozen(family, tiny_model):
    whole, _ = build(tiny_model(family))
    assert len(layers(whole)) == 2
    assert len(layers(build(tiny_model(family), drop_top=1)[0])) == 1
    changed, _ = build(tiny_model(family), reinitialise_top=1, freeze_bottom=1)
    weights = [
        [p for p in layers(model)[1].parameters() if p.ndim == 2] for model in (whole, changed)
    ]
    assert not any(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    bottom = [layers(model)[0].parameters() for model in (whole, changed)]
    assert all(torch.equal(a, b) for a, b in zip(*bottom, strict=True))
    assert not any(p.requires_grad for p in layers(changed)[0].parameters())


@pytest.mark.parametrize("family", JUDGES)
def test_embeddings_are_frozen(family, tiny_model):
    model, _ = build(tiny_model(family), freeze_embeddings=True)
    frozen = [p for module in embeddings(model) for p in module.parameters()]
    assert frozen
    assert not any(p.requires_grad for p in frozen)
    total, trained = count_parameters(model)
    assert trained == total - sum(p.numel() for p in frozen)


@pytest.mark.parametrize("family", [name for name in JUDGES if name not in DECODERS])
def test_head_dropout_is_set(family, tiny_model):
    model, _ = build(tiny_model(family), head_dropout=0.37)
    base = model.base_model
    heads = [child for child in model.children() if child is not base]
    found = [m.p for child in heads for m in child.modules() if isinstance(m, torch.nn.Dropout)]
    assert set(found) == {0.37}


@pytest.mark.parametrize(
    ("family", "changes", "told"),
    [
        ("bert", {"drop_top": 2}, "2 layers"),
        ("bert", {"freeze_bottom": 3}, "2 layers"),
        ("albert", {"freeze_bottom": 1}, "shares one block"),
        ("albert", {"reinitialise_top": 1}, "shares one block"),
        ("gpt2", {"head_dropout": 0.1}, "no dropout"),
    ],
)
def test_what_a_model_cannot_do_is_said(family, changes, told, tiny_model):
    with pytest.raises(ModelError, match=told):
        build(tiny_model(family), **changes)


def test_a_probe_cannot_store_attention_pooling(tiny_model):
    model, _ = build(tiny_model("bert"), pooling="attention")
    with pytest.raises(ModelError, match="Attention pooling"):
        probe_of(model)


@pytest.mark.parametrize("changes", [{}, {"pooling": "mean"}], ids=["own", "pooled"])
def test_activations_can_be_computed_again(changes, tiny_model):
    model, tokenizer = build(tiny_model("bert"), **changes)
    compute_again(model)
    model.train()(**batch_of(tokenizer)).logits.sum().backward()
    assert all(one.grad is not None for one in model.base_model.encoder.parameters())
