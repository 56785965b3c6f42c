"""Blocks in int8 say nearly the same; the model that was copied stays as it is."""

import pytest
import torch
from torch import nn

from luthier.errors import ModelError
from luthier.models.anatomy import linear_layers
from luthier.models.int8 import in_int8
from luthier.models.load import build_model, load_tokenizer


def model_of(tiny_model, family, **structure):
    folder = str(tiny_model(family))
    return build_model(
        folder,
        tokenizer=load_tokenizer(folder),
        labels=["a", "b", "c"],
        problem_type="single_label_classification",
        **structure,
    ).eval()


@pytest.mark.parametrize("structure", [{}, {"pooling": "mean"}])
@pytest.mark.parametrize("family", ["bert", "distilbert", "deberta-v2", "llama"])
def test_it_says_nearly_the_same(family, structure, tiny_model):
    model = model_of(tiny_model, family, **structure)
    with torch.no_grad():
        for one in model.parameters():
            if one.ndim >= 2:
                one.mul_(3)  # or a tiny model says the same of everything
    made = in_int8(model)
    batch = {"input_ids": torch.arange(5, 37).view(4, 8), "attention_mask": torch.ones(4, 8).long()}
    with torch.inference_mode():
        before, after = model(**batch).logits, made(**batch).logits
    assert 0 < float((before - after).abs().max()) < 0.2 * float(before.abs().max())
    for name in linear_layers(model):
        assert type(model.get_submodule(name)) is nn.Linear
        assert type(made.get_submodule(name)) is not nn.Linear
    assert sum(one.numel() for one in made.parameters()) < sum(
        one.numel() for one in model.parameters()
    )


def test_blocks_without_linear_layers_are_refused(tiny_model):
    with pytest.raises(ModelError, match="int8 is for linear layers") as caught:
        in_int8(model_of(tiny_model, "gpt2"))
    assert caught.value.received == "gpt2"
