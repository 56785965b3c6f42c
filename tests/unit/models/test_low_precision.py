"""Models in fewer bits say nearly the same; the model that was copied stays as it is."""

import pytest
import torch
from torch import nn

from luthier.errors import ModelError
from luthier.models.load import build_model, load_tokenizer
from luthier.models.low_precision import in_bf16, in_int8
from luthier.models.speedups.apply import faster
from luthier.models.structure import linear_layers


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


@pytest.mark.parametrize("family", ["bert", "roberta", "modernbert"])
def test_bfloat16_says_nearly_the_same_and_padding_is_left_out_of_it_too(family, tiny_model):
    model = model_of(tiny_model, family)
    made = in_bf16(model)
    batch = {"input_ids": torch.arange(5, 37).view(4, 8), "attention_mask": torch.ones(4, 8).long()}
    batch["attention_mask"][0, 5:] = 0
    with torch.inference_mode():
        before = model(**batch).logits
        with faster(made, lambda: [made(**batch).logits.float()], fast_dropout=False) as reason:
            after = made(**batch).logits
    assert reason is None
    assert after.dtype == torch.bfloat16
    assert 0 < float((before - after).abs().max()) < 0.05 * float(before.abs().max())
    assert all(one.dtype == torch.float32 for one in model.parameters())
