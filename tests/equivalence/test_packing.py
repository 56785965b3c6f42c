"""Texts that share a block are learned as if each stood alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from luthier.errors import ModelError
from luthier.items import Batch
from luthier.models.load import build_model, load_tokenizer
from luthier.text.packing import pack, shift
from luthier.training.model_calls import run_model
from luthier.training.packing_check import refuse_leaking_blocks
from tests.tiny import DECODERS


class Leaky(torch.nn.Module):
    """A model that adds up whatever stands before, across all texts of a block."""

    config = SimpleNamespace(model_type="leaky", is_encoder_decoder=False)

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(8, 4)

    def forward(self, input_ids, **_):
        return SimpleNamespace(logits=self.embedding(input_ids).cumsum(dim=1))


def test_a_model_that_mixes_texts_is_refused():
    with pytest.raises(ModelError, match="leaky"):
        refuse_leaking_blocks(Leaky())


SEGMENTS = [[5, 6, 7, 8], [9, 10, 11], [12, 13, 14, 15, 16], [20, 21]]


@pytest.mark.parametrize("family", DECODERS)
@pytest.mark.parametrize("training", [False, True])
def test_no_text_of_a_block_sees_another(family, training, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model(family)))
    model = build_model(
        str(tiny_model(family)),
        tokenizer=tokenizer,
        labels=(),
        problem_type=None,
        auto_model="AutoModelForCausalLM",
    ).train(training)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    packed = pack([(ids, shift(ids)) for ids in SEGMENTS], max_tokens=10)
    assert [len(packed.input_ids[block]) for block in range(2)] == [7, 7]
    together = []
    for block in range(2):
        inputs = {
            name: torch.from_numpy(np.asarray(values[block], dtype=np.int64)[None])
            for name, values in vars(packed).items()
            if name != "labels"
        }
        together.append(run_model(model, Batch(inputs, None, 1)).logits[0])
    alone = [
        run_model(model, Batch({"input_ids": torch.tensor([ids])}, None, 1)).logits[0]
        for ids in SEGMENTS
    ]
    assert torch.allclose(torch.cat(together), torch.cat(alone), atol=1e-5)
