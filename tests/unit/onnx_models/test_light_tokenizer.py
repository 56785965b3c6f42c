"""The tokenizer of an export is Transformers' own, without Transformers."""

import pytest
from transformers import AutoTokenizer

from luthier.errors import ModelError
from luthier.exporters.hard_texts import HARD
from luthier.onnx_models.description import describe_tokenizer
from luthier.onnx_models.tokenizer import LightTokenizer
from luthier.text.tokenize import token_of_nothing, tokenize
from luthier.text.windows import tokenize_windows

FAMILIES = ("bert", "roberta", "xlnet", "gpt2", "t5", "deberta-v2")


@pytest.fixture(params=FAMILIES)
def both(request, tiny_model, tmp_path):
    own = AutoTokenizer.from_pretrained(tiny_model(request.param))
    if own.pad_token is None:
        own.pad_token = own.eos_token
    own.save_pretrained(tmp_path)
    return own, LightTokenizer(tmp_path, describe_tokenizer(own))


def of(ragged):
    return [row.tolist() for row in ragged]


@pytest.mark.parametrize("max_tokens", [8, 64])
@pytest.mark.parametrize("pairs", [None, HARD[::-1]])
def test_texts_are_cut_into_the_same_tokens(both, pairs, max_tokens):
    (ours, full), (theirs, theirs_full) = (
        tokenize(one, HARD, pairs, max_tokens=max_tokens) for one in both
    )
    assert ours.keys() == theirs.keys()
    assert all(of(ours[name]) == of(theirs[name]) for name in ours)
    assert full.tolist() == theirs_full.tolist()


@pytest.mark.parametrize("stride", [None, 4])
def test_long_texts_are_cut_into_the_same_windows(both, stride):
    texts = [text for text in HARD if text.strip()]
    made = [tokenize_windows(one, texts, max_tokens=12, stride=stride) for one in both]
    assert made[0].row_of.tolist() == made[1].row_of.tolist()
    for part in ("spans", "places", "words"):
        assert of(getattr(made[0], part)) == of(getattr(made[1], part))
    assert of(made[0].inputs["input_ids"]) == of(made[1].inputs["input_ids"])


def test_what_is_asked_of_single_tokens_is_the_same(both):
    own, light = both
    assert token_of_nothing(own) == token_of_nothing(light)
    for name in ("pad_token_id", "cls_token_id", "eos_token_id", "padding_side"):
        assert getattr(own, name) == getattr(light, name)
    ids = own("the soup and the rain")["input_ids"]
    assert light("the soup and the rain")["input_ids"] == ids
    assert light.convert_ids_to_tokens(ids) == own.convert_ids_to_tokens(ids)
    assert light.convert_tokens_to_ids(own.pad_token) == own.pad_token_id
    for pair in (False, True):
        assert own.num_special_tokens_to_add(pair) == light.num_special_tokens_to_add(pair)


def test_tokens_are_joined_to_the_same_texts(both):
    own, light = both
    own.clean_up_tokenization_spaces = True
    cleaning = LightTokenizer.__new__(LightTokenizer)
    vars(cleaning).update(vars(light), **describe_tokenizer(own))
    ids = own(list(HARD))["input_ids"]
    for skipped in (False, True):
        expected = own.batch_decode(ids, skip_special_tokens=skipped)
        assert cleaning.batch_decode(ids, skip_special_tokens=skipped) == expected
    assert len(light) == len(own)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="tokenizer of an exported model") as caught:
        LightTokenizer(tmp_path, {})
    assert "tokenizer.json" in caught.value.received
