"""Twins of decoders and encoder-decoders compute, learn and drop out what their models do."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers
from peft import LoraConfig, get_peft_model
from transformers import CONFIG_MAPPING

from luthier.errors import ModelError
from luthier.keras_engine.twin import Twin
from luthier.models.heads import PooledClassifier
from luthier.padding import IGNORED
from luthier.training.listeners import follow
from luthier.training.loop import train
from tests.keras_engine.engines import furthest, problem, weights_after
from tests.keras_engine.twins import (
    all_apart,
    batch_of,
    built_once,
    lost_weights,
    outputs_apart,
    shaken,
    with_labels,
)
from tests.losses import mean_loss

WORDS = {"vocab_size": 40, "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
WRITER = {
    **WORDS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 56,
    "max_position_embeddings": 24,
    "decoder_start_token_id": 3,
    "num_labels": 3,
}
CONFIGS = {
    "gpt2": {**WORDS, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 24, "num_labels": 3},
    "xlnet": {**WORDS, "d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 48, "num_labels": 3},
    "t5": {**WORDS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 2}
    | {"decoder_start_token_id": 1, "num_decoder_layers": 3},
    "bart": WRITER,
    "mbart": WRITER,
    "marian": {**WRITER, "decoder_start_token_id": 1},
}
RATES = {  # where dropout is, by the fields of configs
    "gpt2": ("resid_pdrop", "attn_pdrop", "embd_pdrop"),
    "xlnet": ("dropout", "summary_last_dropout"),
    "t5": ("dropout_rate",),
    "bart": ("dropout", "attention_dropout", "activation_dropout", "classifier_dropout"),
}
RATES |= dict.fromkeys(("mbart", "marian"), RATES["bart"][:3])

CASES = {
    "gpt2": ("gpt2", "GPT2LMHeadModel", {}),
    "gpt2 of texts": ("gpt2", "GPT2ForSequenceClassification", {}),
    "gpt2 of tokens": ("gpt2", "GPT2ForTokenClassification", {}),
    "gpt2 of answers": ("gpt2", "GPT2ForQuestionAnswering", {}),
    "gpt2 with relu": ("gpt2", "GPT2LMHeadModel", {"activation_function": "relu", "n_inner": 40}),
    "gpt2 with other scales": (
        "gpt2",
        "GPT2LMHeadModel",
        {"scale_attn_by_inverse_layer_idx": True, "layer_norm_epsilon": 1e-3},
    ),
    "gpt2 without scales": ("gpt2", "GPT2LMHeadModel", {"scale_attn_weights": False}),
    "gpt2 untied": ("gpt2", "GPT2LMHeadModel", {"tie_word_embeddings": False}),
    "xlnet of texts": ("xlnet", "XLNetForSequenceClassification", {}),
    "xlnet of tokens": ("xlnet", "XLNetForTokenClassification", {}),
    "xlnet of answers": ("xlnet", "XLNetForQuestionAnsweringSimple", {"num_labels": 2}),
    "xlnet by its mean": (
        "xlnet",
        "XLNetForSequenceClassification",
        {"summary_type": "mean", "summary_use_proj": False, "ff_activation": "relu"},
    ),
    "xlnet by its first": (
        "xlnet",
        "XLNetForSequenceClassification",
        {"summary_type": "first", "summary_activation": "", "clamp_len": 3},
    ),
    "t5": ("t5", "T5ForConditionalGeneration", {}),
    "t5 gated": (
        "t5",
        "T5ForConditionalGeneration",
        {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    ),
    "t5 near": (
        "t5",
        "T5ForConditionalGeneration",
        {"relative_attention_max_distance": 20, "layer_norm_epsilon": 1e-3},
    ),
    "bart": ("bart", "BartForConditionalGeneration", {}),
    "bart scaled": (
        "bart",
        "BartForConditionalGeneration",
        {"scale_embedding": True, "activation_function": "relu"},
    ),
    "bart that begins with padding": (
        "bart",
        "BartForConditionalGeneration",
        {"decoder_start_token_id": 1},
    ),
    "bart of texts": ("bart", "BartForSequenceClassification", {}),
    "mbart": ("mbart", "MBartForConditionalGeneration", {"scale_embedding": True}),
    "mbart of texts": ("mbart", "MBartForSequenceClassification", {}),
    "marian": ("marian", "MarianMTModel", {"scale_embedding": True, "activation_function": "silu"}),
    "marian apart": (
        "marian",
        "MarianMTModel",
        {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 40},
    ),
}


def model_of(family, kind, changes):
    """Make a random model, without dropout but where `changes` have some."""
    quiet = dict.fromkeys(RATES[family], 0.0)
    config = CONFIG_MAPPING[family](**{**CONFIGS[family], **quiet, **changes})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return shaken(getattr(transformers, kind)(config))


@built_once
def plain(name):
    """Make a case's model as it stands."""
    return model_of(*CASES[name])


def case(name, **changes):
    """Give a case's model and its twin; those with changes are made anew."""
    if not changes:
        return plain(name)
    family, kind, own = CASES[name]
    model = model_of(family, kind, {**own, **changes})
    return model, Twin(model)


def batch_for(model, side="right"):
    """Make a batch as the model's task has it."""
    family = model.config.model_type
    judges = "ForSequence" in type(model).__name__
    types = 3 if family == "xlnet" else 0
    batch = batch_of(model, side=side, types=types, end=judges and "bart" in family)
    return batch if family in ("gpt2", "xlnet") or judges else with_labels(batch, model.config)


@pytest.mark.parametrize("name", ["gpt2", "xlnet of texts", "t5", "bart", "mbart", "marian"])
def test_bfloat16_says_about_the_same(name):
    model, _ = case(name)
    assert outputs_apart(model, Twin(model, half=True), batch_for(model)) < 0.1


@pytest.mark.parametrize("name", CASES)
def test_weights_come_back_bit_for_bit(name):
    lost = lost_weights(*case(name))
    assert all(weight.endswith("mask_emb") for weight in lost)  # XLNet's second stream


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_pytorchs(name, side):
    model, twin = case(name)
    difference, found = all_apart(model, twin, batch_for(model, side))
    assert difference < 2e-6
    wrong = {weight: share for weight, share in found.items() if not share < 1e-4}
    assert len(found) > 10
    assert not wrong


def says(name, twin, **how):
    """Give what a twin says to the batch of its case."""
    batch = batch_for(case(name)[0])
    given = {key: tf.constant(one) for key, one in batch.items() if key != "labels"}
    if "labels" in batch:
        given |= twin.shifted(tf.constant(batch["labels"]))
    return twin(given, **how)["logits"].numpy()


@cache
def calm(name):
    """Give what the twin without dropout says, in training too."""
    _, twin = case(name)
    said = says(name, twin, training=False)
    assert np.array_equal(says(name, twin, training=True, seed=1), said)
    return said


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name in ("gpt2", "xlnet of texts", "t5", "bart", "bart of texts", "mbart", "marian")
        for field in RATES[CASES[name][0]]
        if field != "classifier_dropout" or "texts" in name
    ],
)
def test_dropout_is_where_the_config_has_it(name, field):
    _, twin = case(name, **{field: 0.37})
    assert np.allclose(says(name, twin, training=False), calm(name), atol=1e-4)
    first, again, other = (says(name, twin, training=True, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    rates = {one.rate for one in twin.keras._flatten_layers() if hasattr(one, "rate")}
    assert rates <= {0.0, 0.37}


def test_distances_of_long_texts_fall_into_pytorchs_buckets():
    model = model_of("t5", "T5ForConditionalGeneration", {})
    ids = np.random.default_rng(0).integers(6, 40, (2, 300))
    labels = np.random.default_rng(1).integers(6, 40, (2, 200))
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids), "labels": labels}
    assert outputs_apart(model, Twin(model), batch) < 2e-6


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("family", ["gpt2", "xlnet"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_own_heads_read_real_tokens_on_either_side(family, pooling, side):
    kind = {"gpt2": "GPT2Model", "xlnet": "XLNetModel"}[family]
    options = {"n_outputs": 3, "pooling": pooling, "hidden_layers": (8,), "dropout": 0.0}
    model = shaken(PooledClassifier(model_of(family, kind, {}), **options))
    batch = batch_of(model, side=side, types=3 if family == "xlnet" else 0)
    assert outputs_apart(model, Twin(model), batch) < 2e-6


@pytest.mark.parametrize(
    ("name", "targets"),
    [
        ("gpt2", ["c_attn", "c_fc"]),
        ("t5", ["q", "v", "wo"]),
        ("bart", ["q_proj", "v_proj", "fc1"]),
        ("xlnet of texts", ["layer_1"]),
    ],
)
def test_low_rank_changes_are_pytorchs(name, targets):
    family, kind, own = CASES[name]
    settings = LoraConfig(r=2, target_modules=targets, fan_in_fan_out=family == "gpt2")
    model = shaken(get_peft_model(model_of(family, kind, own), settings))
    twin, batch = Twin(model), batch_for(model.get_base_model(), "left")
    difference, found = all_apart(model, twin, batch)
    assert difference < 2e-6
    assert len(found) == 2 * len([one for one in twin.changes if one.part in (None, slice(0, 32))])
    assert max(found.values()) < 1e-4


@pytest.mark.parametrize("name", ["t5", "bart", "mbart", "marian"])
def test_a_decoder_is_given_what_transformers_gives_it(name):
    model, twin = case(name)
    labels = batch_for(model)["labels"]
    given = twin.shifted(tf.constant(labels))
    wanted = model.prepare_decoder_input_ids_from_labels(labels=torch.from_numpy(labels))
    assert np.array_equal(given["decoder_input_ids"], wanted.numpy())
    mask = given["decoder_attention_mask"].numpy()
    assert np.array_equal(mask, labels != IGNORED)  # each row has a label, and none a hole
    nothing = twin.shifted(tf.fill([2, 3], tf.constant(IGNORED, tf.int64)))
    assert nothing["decoder_attention_mask"].numpy().tolist() == [[1, 0, 0]] * 2


REFUSED = {
    "another head": ("gpt2", "GPT2DoubleHeadsModel", {}),
    "an encoder beside it": ("gpt2", "GPT2LMHeadModel", {"add_cross_attention": True}),
    "no padding": ("gpt2", "GPT2ForSequenceClassification", {"pad_token_id": None}),
    "one direction": ("xlnet", "XLNetForTokenClassification", {"attn_type": "uni"}),
    "batches backwards": ("xlnet", "XLNetForTokenClassification", {"bi_data": True}),
    "beams": ("xlnet", "XLNetForQuestionAnswering", {}),
    "xlnet's words": ("xlnet", "XLNetLMHeadModel", {}),
    "buckets": ("t5", "T5ForConditionalGeneration", {"relative_attention_num_buckets": 16}),
    "t5 of texts": ("t5", "T5ForSequenceClassification", {}),
    "t5 of tokens": ("t5", "T5ForTokenClassification", {}),
    "no start": ("t5", "T5ForConditionalGeneration", {"decoder_start_token_id": None}),
    "bart of answers": ("bart", "BartForQuestionAnswering", {}),
    "dropped layers": ("bart", "BartForConditionalGeneration", {"encoder_layerdrop": 0.1}),
    "an activation": ("bart", "BartForConditionalGeneration", {"activation_function": "mish"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_twin_is_refused(name):
    family, kind, changes = REFUSED[name]
    with pytest.raises(ModelError) as caught:
        Twin(model_of(family, kind, changes))
    assert "engine=torch" in caught.value.hint or "checkpoint" in caught.value.hint


def test_xlnet_without_segments_is_refused():
    _, twin = case("xlnet of texts")
    twin.refuse_inputs(["input_ids", "token_type_ids", "attention_mask"])
    with pytest.raises(ModelError, match="more than its tokenizer gives"):
        twin.refuse_inputs(["input_ids", "attention_mask"])


def trained(prepared):
    """Train; give the model, its weights of before, and which share of the loss was left."""
    model = prepared.job.session.make_model(True)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    first = mean_loss(model, prepared.job)
    model = follow(train(model, prepared.job), lambda info: None)
    return model, before, mean_loss(model, prepared.job) / first


@pytest.mark.parametrize(
    ("task", "family"),
    [("translation", "t5"), ("translation", "marian"), ("summarization", "bart")],
)
def test_an_encoder_decoder_learns_to_write(tiny_model, task, family):
    training = {"max_steps": 30, "learning_rate": 5e-3}
    model, before, left = trained(problem(tiny_model(family), task, training=training))
    assert left < 0.8
    moved = [name for name, one in model.named_parameters() if not torch.equal(one, before[name])]
    assert set(moved) == {name for name, one in model.named_parameters() if one.requires_grad}
    written = model.generate(torch.tensor([[5, 9, 11, 3]]), max_new_tokens=4, num_beams=2)
    assert written.shape[0] == 1


def test_texts_are_continued_where_they_are_not_packed(tiny_model):
    training, options = {"max_steps": 30, "learning_rate": 5e-3}, {"packing": False}
    model, _, left = trained(
        problem(tiny_model("gpt2", "CausalLM"), "causal-lm", options=options, training=training)
    )
    assert left < 0.8
    assert model.generate(torch.tensor([[5, 9]]), max_new_tokens=2, pad_token_id=0).shape[1] <= 4


def test_packed_texts_are_refused_with_the_option_that_unpacks_them(tiny_model):
    prepared = problem(tiny_model("gpt2", "CausalLM"), "causal-lm", training={"max_steps": 1})
    with pytest.raises(ModelError) as caught:
        trained(prepared)
    assert "task.options.packing=false" in caught.value.hint


@pytest.mark.parametrize(
    ("task", "family", "options"),
    [
        ("text-classification", "gpt2", {}),
        ("text-classification", "xlnet", {}),
        ("token-classification", "gpt2", {}),
        ("token-classification", "xlnet", {}),
        ("causal-lm", "gpt2", {"packing": False}),
        ("translation", "t5", {}),
        ("translation", "marian", {}),
        ("translation", "mbart", {}),
        ("summarization", "bart", {}),
    ],
    ids=str,
)
def test_steps_of_both_engines_end_alike(tiny_model, task, family, options):
    head = "CausalLM" if task == "causal-lm" else None
    asked = {"max_steps": 5, "optim": "sgd", "learning_rate": 0.1, "warmup_steps": 0}
    start, first, second = (
        weights_after(
            problem(
                tiny_model(family, head),
                task,
                engine=engine,
                options=options,
                training={**asked, "learning_rate": rate},
            ),
            dropout=False,
        )
        for engine, rate in (("torch", 1e-30), ("torch", 0.1), ("tensorflow", 0.1))
    )
    assert furthest(first, start) > 1e-2
    assert furthest(first, second) < 1e-4 * furthest(first, start)
