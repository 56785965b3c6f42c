"""One text is written for each row, alike each time, whatever the model's own settings are."""

import pytest
from transformers import AutoModelForSeq2SeqLM

from luthier.errors import ModelError
from luthier.models.generation import set_generation
from luthier.models.load import load_tokenizer


@pytest.fixture
def model(tiny_model):
    return AutoModelForSeq2SeqLM.from_pretrained(tiny_model("bart"))


OWN = {
    "num_return_sequences": 4,
    "do_sample": True,
    "temperature": 0.0,
    "penalty_alpha": 0.6,
    "return_dict_in_generate": True,
    "max_length": -5,
}


@pytest.mark.parametrize("field", OWN)
def test_settings_of_the_model_do_not_change_what_is_asked(field, model, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model("bart")))
    asked = tokenizer(["the snow is white"], return_tensors="pt", return_token_type_ids=False)
    settings = {"max_new_tokens": 4, "num_beams": 1}
    set_generation(model, settings, tokenizer)
    expected = model.generate(**asked).tolist()
    setattr(model.generation_config, field, OWN[field])
    set_generation(model, settings, tokenizer)
    assert model.generate(**asked).tolist() == expected


@pytest.mark.parametrize("ids", [10**6, "all", [1, 10**6]])
def test_tokens_that_the_model_does_not_know_are_refused(ids, model, tiny_model):
    model.generation_config.suppress_tokens = ids
    with pytest.raises(ModelError, match="numbered from 0") as caught:
        set_generation(model, {}, load_tokenizer(str(tiny_model("bart"))))
    assert "suppress_tokens" in caught.value.received
