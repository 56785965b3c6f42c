"""What is read from outputs in NumPy is what PyTorch's path reads from them."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from luthier.answerers import infer_items, read
from luthier.exporters.exported import TorchModel
from luthier.items import Batch
from luthier.padding import IGNORED
from luthier.registry import find
from luthier.training.model_calls import to_tensors


@pytest.fixture(scope="module")
def masked(tiny_model):
    return TorchModel(AutoModelForMaskedLM.from_pretrained(tiny_model("bert")).eval(), ())


@pytest.fixture(scope="module")
def writing(tiny_model):
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_model("bart")).eval()
    model.generation_config.update(max_new_tokens=8)
    return TorchModel(model, ())


def batch():
    ids = np.array([[2, 9, 8, 7, 3], [2, 6, 3, 0, 0], [2, 3, 0, 0, 0]])
    targets = np.where(np.isin(ids, (8, 9, 6)), ids, IGNORED)
    return Batch({"input_ids": ids, "attention_mask": (ids != 0).astype(int)}, targets, 3)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("masked", "log-likelihood"),
        ("masked", "fill-mask"),
        ("masked", "token-logits"),
        ("writing", "decoder-log-likelihood"),
        ("writing", "generate"),
    ],
)
def test_kinds_are_read_alike(model, kind, request):
    answerer = request.getfixturevalue(model)
    with torch.inference_mode():
        expected = find("inference-kinds", kind).infer(answerer.model, to_tensors(batch()))
    found = read(answerer, batch(), kind)
    assert len(found) == len(expected) == 3
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=1e-6, atol=1e-5)  # float32, and float64 where summed


def test_items_without_a_model_have_no_answers():
    class Nothing:
        cost = np.zeros(0)

        def __len__(self):
            return 0

    assert len(infer_items(None, None, Nothing(), "generate")) == 0
