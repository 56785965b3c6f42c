"""Texts become flat ids; what is cut off is counted; batches are as wide as they must be."""

import numpy as np
import pytest

from luthier.errors import DataError, ModelError
from luthier.items import ItemField
from luthier.models.load import load_tokenizer, read_config
from luthier.padding import pad
from luthier.ragged import RaggedWriter
from luthier.text.tokenize import token_limit, tokenize
from tests.batches import pad_tokens
from tests.tiny import FAMILIES

TEXTS = ["Rain over the hills, they say.", "", "Snow " * 20, "The soup was superb."]


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(str(tiny_model("bert")))


def test_ids_are_those_of_the_tokenizer(tokenizer):
    inputs, lengths = tokenize(tokenizer, TEXTS, max_tokens=64)
    expected = tokenizer(TEXTS)["input_ids"]
    assert [inputs["input_ids"][i].tolist() for i in range(4)] == expected
    assert lengths.tolist() == [len(ids) for ids in expected]


def test_cut_rows_keep_their_special_tokens_and_tell_their_length(tokenizer):
    inputs, lengths = tokenize(tokenizer, TEXTS, max_tokens=6)
    assert (
        inputs["input_ids"][2].tolist()
        == tokenizer(TEXTS[2], truncation=True, max_length=6)["input_ids"]
    )
    assert inputs["input_ids"].lengths.max() == 6
    assert lengths[2] == 22


def test_pairs_carry_token_types(tokenizer):
    inputs, _ = tokenize(tokenizer, ["Rain"], ["Snow"], max_tokens=16)
    assert inputs["token_type_ids"][0].tolist() == [0, 0, 0, 1, 1]


def test_what_is_no_text_is_refused(tokenizer):
    with pytest.raises(DataError, match="Text 2 is not a string"):
        tokenize(tokenizer, ["a", None], max_tokens=8)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_is_the_tokenizers_own(family, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model(family)))
    texts = [text for text in TEXTS if text]
    inputs, _ = tokenize(tokenizer, texts, max_tokens=64)
    batch = pad_tokens(inputs, np.arange(len(texts)), tokenizer=tokenizer)
    expected = tokenizer(texts, padding=True, return_tensors="np")
    for name in batch:
        assert np.array_equal(batch[name], expected[name]), name


def test_a_batch_is_as_wide_as_its_longest_row(tokenizer):
    inputs, lengths = tokenize(tokenizer, TEXTS, max_tokens=64)
    batch = pad_tokens(inputs, np.array([3, 1]), tokenizer=tokenizer)
    assert batch["input_ids"].shape == (2, lengths[3])
    assert batch["attention_mask"].sum(axis=1).tolist() == [lengths[3], lengths[1]]


def test_dense_values_are_taken():
    fields = {"features": ItemField(np.arange(6.0).reshape(3, 2))}
    assert pad(fields, np.array([2]))["features"].tolist() == [[4.0, 5.0]]


@pytest.mark.parametrize(("family", "limit"), [("bert", 64), ("roberta", 64), ("xlnet", 64)])
def test_the_limit_is_the_models(family, limit, tiny_model):
    folder = str(tiny_model(family))
    tokenizer, config = load_tokenizer(folder), read_config(folder)
    assert token_limit(tokenizer, config) == limit
    assert token_limit(tokenizer, config, asked=16) == 16
    with pytest.raises(ModelError) as caught:
        token_limit(tokenizer, config, asked=9999)
    assert caught.value.hint == f"data.max_tokens={limit}"


def test_roberta_cannot_use_the_positions_below_its_padding_token(tiny_model):
    folder = str(tiny_model("roberta"))
    tokenizer, config = load_tokenizer(folder), read_config(folder)
    tokenizer.model_max_length = 10**30
    config.pad_token_id = 1
    assert token_limit(tokenizer, config) == config.max_position_embeddings - 2


@pytest.mark.parametrize("family", FAMILIES)
def test_no_row_is_without_tokens(family, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model(family)))
    inputs, lengths = tokenize(tokenizer, ["", "Snow", " "], max_tokens=64)
    assert all(values.lengths.min() > 0 for values in inputs.values())
    assert np.array_equal(inputs["input_ids"].lengths, lengths)


def test_a_decoder_reads_its_first_token_for_an_empty_text(tiny_model):
    tokenizer = load_tokenizer(str(tiny_model("llama")))
    inputs, _ = tokenize(tokenizer, [""], max_tokens=64)
    assert inputs["input_ids"][0].tolist() == [tokenizer.bos_token_id]


def test_tokens_in_a_file_are_batched_like_those_in_memory(tokenizer, monkeypatch):
    texts = TEXTS * 200
    here, lengths = tokenize(tokenizer, texts, max_tokens=16)
    monkeypatch.setattr(RaggedWriter.__init__, "__kwdefaults__", {"large": 512})
    there, others = tokenize(tokenizer, texts, max_tokens=16)
    assert isinstance(there["input_ids"].values.base, np.memmap)
    assert np.array_equal(lengths, others)
    rows = np.random.default_rng(0).integers(0, len(texts), size=32)
    one, other = (pad_tokens(inputs, rows, tokenizer=tokenizer) for inputs in (here, there))
    for name in one:
        assert one[name].dtype == np.int64
        assert np.array_equal(one[name], other[name]), name
