"""What is written in NumPy is what `generate` of Transformers writes."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from luthier.errors import ModelError
from luthier.onnx_models.description import describe_generation
from luthier.onnx_models.search import write

SETTINGS = {
    "greedy": {"num_beams": 1},
    "greedy without repeated pairs": {"num_beams": 1, "no_repeat_ngram_size": 2},
    "greedy that shuns what was said": {"num_beams": 1, "repetition_penalty": 1.5},
    "beams": {"num_beams": 4, "early_stopping": True},
    "beams that go on": {"num_beams": 3, "early_stopping": False, "length_penalty": 0.3},
    "beams that never stop early": {"num_beams": 3, "early_stopping": "never"},
    "beams that favour short texts": {"num_beams": 4, "length_penalty": -1.0},
    "beams without repeated pairs": {"num_beams": 4, "no_repeat_ngram_size": 2},
    "beams at a least length": {"num_beams": 2, "min_length": 9, "early_stopping": True},
    "beams with new tokens at least": {"num_beams": 2, "min_new_tokens": 5},
    "beams with forced tokens": {
        "num_beams": 3,
        "forced_bos_token_id": 11,
        "forced_eos_token_id": 3,
        "begin_suppress_tokens": [30, 31],
    },
    "beams without some tokens": {
        "num_beams": 3,
        "bad_words_ids": [[7], [0], [40, 41]],
        "suppress_tokens": [20, 21, 22],
        "renormalize_logits": True,
    },
    "beams with two ends": {"num_beams": 3, "eos_token_id": [3, 60]},
}


class Anew:
    """A decoder that reads everything anew each time."""

    def __init__(self, model, given):
        self.model, self.given, self.ids = model, given, None

    def __call__(self, tokens):
        tokens = torch.from_numpy(np.ascontiguousarray(tokens))
        self.ids = tokens if self.ids is None else torch.cat([self.ids, tokens], dim=1)
        given = dict(self.given)
        if self.model.config.is_encoder_decoder:
            given["decoder_input_ids"] = self.ids
        else:
            new = self.ids.shape[1] - given["attention_mask"].shape[1]
            mask = torch.nn.functional.pad(given["attention_mask"], (0, new), value=1)
            places = (mask.cumsum(dim=1) - 1).clamp(min=0)
            given = {"input_ids": self.ids, "attention_mask": mask, "position_ids": places}
        with torch.inference_mode():
            return self.model(**given).logits[:, -1].numpy().copy()

    def reorder(self, rows):
        chosen = torch.from_numpy(np.asarray(rows))
        self.ids = self.ids[chosen]
        self.given = {name: one[chosen] for name, one in self.given.items()}


@pytest.fixture(scope="module", params=["marian", "t5", "gpt2", "llama"])
def sharp(request, tiny_model):
    """Give a tiny model whose next tokens differ in probability, and some ends."""
    family = request.param
    auto = AutoModelForCausalLM if family in ("gpt2", "llama") else AutoModelForSeq2SeqLM
    model = auto.from_pretrained(tiny_model(family)).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(3.0 if family != "t5" else 1.5)
    return model


@pytest.mark.parametrize("case", SETTINGS)
def test_the_same_tokens_are_written(case, sharp):
    drawn = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 60, (6, 7), generator=drawn)
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    mask[4, :6] = 0
    settings = {"max_new_tokens": 12, "pad_token_id": 0, "eos_token_id": 3, **SETTINGS[case]}
    sharp.generation_config.update(decoder_start_token_id=3, **settings)
    given = {"input_ids": ids, "attention_mask": mask}
    is_both = sharp.config.is_encoder_decoder
    try:
        with torch.inference_mode():
            expected = sharp.generate(**given, do_sample=False).numpy()
        described = describe_generation(sharp)
    finally:
        neutral = dict.fromkeys(one for asked in SETTINGS.values() for one in asked)
        sharp.generation_config.update(**neutral)
    prompt = np.full((6, 1), 3) if is_both else ids.numpy()
    padding = np.zeros(6, dtype=int) if is_both else mask.numpy().argmax(axis=1)
    made = write(Anew(sharp, given), prompt, padding, described)
    for row, one in enumerate(made):
        wanted = expected[row, prompt.shape[1] :]
        assert one.tolist() == wanted[: len(one)].tolist()
        assert set(wanted[len(one) :].tolist()) <= {0, 3}, "the rest is padding, or the end token"


def test_a_setting_of_transformers_alone_is_named(sharp):
    sharp.generation_config.encoder_no_repeat_ngram_size = 3
    try:
        with pytest.raises(ModelError, match="known to Transformers alone") as caught:
            describe_generation(sharp)
    finally:
        sharp.generation_config.encoder_no_repeat_ngram_size = None
    assert "encoder_no_repeat_ngram_size=3" in caught.value.received
