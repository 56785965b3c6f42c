"""A tokenizer whose ids the model has no rows for is refused when it is loaded."""

import json

import pytest

from luthier.errors import ModelError
from luthier.models.load import load_tokenizer
from tests.tiny import write_tiny_model


@pytest.fixture
def folder(tmp_path):
    return write_tiny_model("bert", tmp_path / "model")


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_ids_beyond_the_embedding_are_told_with_both_numbers(folder):
    n_rows = json.loads((folder / "config.json").read_text())["vocab_size"]
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["day"] = 123_456
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=f"rows for {n_rows:,} tokens") as caught:
        load_tokenizer(str(folder))
    assert "123,456 ('day')" in caught.value.received
    assert "model.new_tokens" in caught.value.hint


def test_the_tokenizer_of_another_model_is_refused(folder):
    change(folder / "config.json", vocab_size=9)
    with pytest.raises(ModelError, match="does not belong to the model"):
        load_tokenizer(str(folder))


def test_words_that_were_added_are_not_beyond_it(folder):
    tokenizer = load_tokenizer(str(folder), new_tokens=["Tarceva"])
    tokenizer.save_pretrained(folder)
    assert len(load_tokenizer(str(folder))) == len(tokenizer)


def test_a_start_that_has_no_row_is_refused(folder):
    change(folder / "config.json", decoder_start_token_id=10**6)
    with pytest.raises(ModelError, match="numbered from 0") as caught:
        load_tokenizer(str(folder))
    assert "decoder_start_token_id=1000000" in caught.value.received


@pytest.mark.parametrize("length", [0, -7, "long"])
def test_a_longest_text_that_is_no_length_is_refused(length, folder):
    change(folder / "tokenizer_config.json", model_max_length=length)
    with pytest.raises(ModelError, match="at least one token") as caught:
        load_tokenizer(str(folder))
    assert "model_max_length" in caught.value.received
