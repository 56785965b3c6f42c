"""A pattern in a row is the filled-in text, and its answer is the plain language model's."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM

from luthier.errors import ModelError
from luthier.models.heads import needs
from luthier.models.load import build_model, load_saved, load_tokenizer, save_model
from luthier.models.prompts import PromptClassifier
from luthier.text.patterns import read_prompt
from luthier.text.tokenize import model_limit, tokenize
from tests.batches import pad_tokens

FAMILIES = (
    *("bert", "roberta", "distilbert", "albert", "electra"),
    *("deberta-v2", "mpnet", "modernbert", "xlm-roberta"),
)
TEXTS = ["Rain over the hills, they say.", "Snow", "", "The soup number 3 was superb, they say."]
PAIRS = ["Yes, it is.", "", "Who knows?", "Nobody would say so, no."]
LABELS = ("rain", "sun", "snow")
PATTERN, PAIR_PATTERN = "So: {text} It was {mask}.", "{text}? {mask}, {text_pair} they say"


def build(folder, *, is_pair=False, **changes):
    """Make a prompted model and its tokenizer."""
    tokenizer = load_tokenizer(str(folder))
    filler = build_model(
        str(folder),
        tokenizer=tokenizer,
        labels=LABELS,
        problem_type="single_label_classification",
        auto_model="AutoModelForMaskedLM",
        trained_head=True,
    )
    prompt = read_prompt(
        PAIR_PATTERN if is_pair else PATTERN,
        {},
        roles=["text", "text_pair"][: 1 + is_pair],
        labels=LABELS,
        tokenizer=tokenizer,
    )
    changes.setdefault("max_tokens", model_limit(tokenizer, filler.config))
    return PromptClassifier(filler, **vars(prompt), **changes).eval(), tokenizer


def batch_of(tokenizer, texts, pairs=None, *, side=None):
    inputs, _ = tokenize(tokenizer, texts, pairs, max_tokens=48)
    batch = pad_tokens(inputs, np.arange(len(texts)), tokenizer=tokenizer, side=side)
    return {name: torch.from_numpy(values) for name, values in batch.items()}


def filled(tokenizer, index, *, is_pair):
    """Write the filled-in text out and tokenize it plainly."""
    mask = tokenizer.mask_token
    if is_pair:
        both = f"{TEXTS[index]}?", f"{mask}, {PAIRS[index]} they say"
        return tokenizer(*both, return_tensors="pt")
    return tokenizer(f"So: {TEXTS[index]} It was {mask}.", return_tensors="pt")


@pytest.mark.parametrize("is_pair", [False, True], ids=["text", "pair"])
@pytest.mark.parametrize("family", FAMILIES)
class TestEveryFamily:
    def test_ids_are_those_of_the_filled_in_text(self, family, is_pair, tiny_model):
        model, tokenizer = build(tiny_model(family, "MaskedLM"), is_pair=is_pair)
        made, holes = model.insert(batch_of(tokenizer, TEXTS, PAIRS if is_pair else None))
        for index in range(len(TEXTS)):
            plain = filled(tokenizer, index, is_pair=is_pair)
            is_token = made["attention_mask"][index].bool()
            assert is_token.tolist() == sorted(is_token.tolist(), reverse=True)
            for name in plain.keys() & made.keys():
                assert made[name][index][is_token].tolist() == plain[name][0].tolist(), name
            assert made["input_ids"][index][holes[index]] == tokenizer.mask_token_id

    @torch.no_grad()
    def test_logits_are_the_plain_language_models(self, family, is_pair, tiny_model):
        folder = tiny_model(family, "MaskedLM")
        model, tokenizer = build(folder, is_pair=is_pair)
        plain = AutoModelForMaskedLM.from_pretrained(folder).eval()
        words = tokenizer.convert_tokens_to_ids(list(LABELS))
        logits = model(**batch_of(tokenizer, TEXTS, PAIRS if is_pair else None)).logits
        for index in range(len(TEXTS)):
            encoded = filled(tokenizer, index, is_pair=is_pair)
            inputs = {name: encoded[name] for name in tokenizer.model_input_names}
            hole = inputs["input_ids"][0].tolist().index(tokenizer.mask_token_id)
            expected = plain(**inputs).logits[0, hole, words]
            assert torch.allclose(logits[index], expected, atol=1e-5)

    @torch.no_grad()
    def test_reads_back_equal(self, family, is_pair, tiny_model, tmp_path):
        model, tokenizer = build(tiny_model(family, "MaskedLM"), is_pair=is_pair)
        batch = batch_of(tokenizer, TEXTS, PAIRS if is_pair else None)
        save_model(model, tokenizer, tmp_path)
        again, _ = load_saved(tmp_path)
        assert isinstance(again, PromptClassifier)
        assert again.settings == model.settings
        assert torch.allclose(again(**batch).logits, model(**batch).logits, atol=1e-6)
        assert not (tmp_path / "head.safetensors").exists()
        assert "AutoModelForMaskedLM" in needs(again)


@torch.no_grad()
def test_the_side_of_padding_changes_no_answer(tiny_model):
    model, tokenizer = build(tiny_model("bert", "MaskedLM"))
    left, right = (
        model(**batch_of(tokenizer, TEXTS, side=side)).logits for side in ("left", "right")
    )
    assert torch.allclose(left, right, atol=1e-6)


@pytest.mark.parametrize("is_pair", [False, True])
def test_what_the_model_cannot_read_is_cut_from_the_longer_text(is_pair, tiny_model):
    model, tokenizer = build(tiny_model("bert", "MaskedLM"), is_pair=is_pair, max_tokens=20)
    texts = ["snow " * 30, "rain"]
    made, holes = model.insert(batch_of(tokenizer, texts, ["sun", "sun"] if is_pair else None))
    assert made["input_ids"].shape[1] == 20
    assert made["attention_mask"].sum(dim=1).tolist()[0] == 20
    for row, text in enumerate(texts):
        ids = made["input_ids"][row][made["attention_mask"][row].bool()].tolist()
        words = tokenizer.convert_ids_to_tokens(ids)
        assert words[0] == "[CLS]"
        assert words[-1] == "[SEP]"
        assert words.count("[SEP]") == 1 + is_pair
        assert words[holes[row]] == "[MASK]"
        assert ("sun" in words) == is_pair
        assert text.split()[0] in words


def test_gradients_reach_trunk_and_head(tiny_model):
    model, tokenizer = build(tiny_model("bert", "MaskedLM"))
    model(**batch_of(tokenizer, TEXTS)).logits.logsumexp(dim=1).sum().backward()
    lacking = [name for name, one in model.named_parameters() if one.grad is None]
    assert lacking == []
    assert not model.base_model._forward_hooks


@pytest.mark.parametrize(
    "change",
    [
        {"words": [0, 1, 999_999]},
        {"words": [-1, 1, 2]},
        {"pieces": ["a", "b"]},
        {"slots": [9]},
        {"hole": 99},
        {"frame": [1, 0]},
        {"max_tokens": 2},
        {"more": 1},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(change, tiny_model, tmp_path):
    model, tokenizer = build(tiny_model("bert", "MaskedLM"))
    save_model(model, tokenizer, tmp_path)
    path = tmp_path / "head.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelError, match="cannot be read"):
        load_saved(tmp_path)


def test_a_checkpoint_without_a_language_head_is_refused(tiny_model):
    with pytest.raises(ModelError, match="no trained head that fills masks") as told:
        build(tiny_model("bert"))
    assert "without cls.predictions" in told.value.received
    assert "method=full" in told.value.hint
