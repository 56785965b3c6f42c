"""Models around a model of Transformers return a `ModelOutput`, so `torch.export` traces them."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.utils import ModelOutput

from luthier.frozen_features.features import Features, OnFeatures
from luthier.models.crf import CrfTagger
from luthier.models.head_files import read_head
from luthier.models.heads import PooledClassifier, with_neighbours
from luthier.models.load import load_tokenizer
from luthier.models.structure import pooled_features
from luthier.models.with_hidden_states import WithStates
from luthier.models.wrapper import HeadOutput, Wrapper
from luthier.text.tokenize import tokenize
from tests.batches import pad_tokens

HEAD = {"n_outputs": 3, "pooling": "mean", "hidden_layers": (8,), "dropout": 0.1}


def trunk_of(folder):
    return AutoModel.from_pretrained(folder)


def classifier_of(folder):
    return AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=3, ignore_mismatched_sizes=True
    )


def tagger_of(folder):
    return CrfTagger(
        AutoModelForTokenClassification.from_pretrained(
            folder, num_labels=3, ignore_mismatched_sizes=True
        )
    )


def features_of(folder):
    model = trunk_of(folder)
    return Features(model, lambda batch: pooled_features(model, batch))


WRAPPERS = {
    "linear": lambda folder: PooledClassifier(trunk_of(folder), **HEAD),
    "attention": lambda folder: PooledClassifier(
        trunk_of(folder), **HEAD | {"pooling": "attention", "normalise": True}
    ),
    "neighbours": lambda folder: with_neighbours(
        trunk_of(folder), n_outputs=3, n_rows=4, k=2, temperature=0.1
    ),
    "crf": tagger_of,
    "states": lambda folder: WithStates(classifier_of(folder), 7),
    "features": features_of,
}


@pytest.fixture
def batch(tiny_model):
    tokenizer = load_tokenizer(str(tiny_model("bert")))
    inputs, _ = tokenize(tokenizer, ["Rain over the hills.", "Snow"], max_tokens=32)
    padded = pad_tokens(inputs, np.arange(2), tokenizer=tokenizer)
    return {name: torch.from_numpy(values) for name, values in padded.items()}


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_wrapper_is_traced_by_torch_export(name, tiny_model, batch):
    model = WRAPPERS[name](tiny_model("bert")).eval()
    with torch.no_grad():
        expected = model(**batch)
        traced = torch.export.export(model, (), kwargs=batch).module()(**batch)
    assert isinstance(expected, ModelOutput)
    assert isinstance(traced, HeadOutput)
    assert expected.keys() == traced.keys()
    for field, values in expected.items():
        assert torch.allclose(traced[field], values, atol=1e-6)


def test_a_head_on_stored_features_is_traced_by_torch_export():
    model, features = OnFeatures(nn.Linear(4, 3)).eval(), torch.randn(2, 4)
    traced = torch.export.export(model, (), kwargs={"features": features}).module()
    assert torch.equal(traced(features=features).logits, model(features).logits)


@pytest.mark.parametrize("name", ["linear", "crf", "states"])
def test_a_wrapper_has_the_names_of_a_model_of_transformers(name, tiny_model):
    model = WRAPPERS[name](tiny_model("bert"))
    assert isinstance(model, Wrapper)
    assert model.config is model.inner.config
    assert model.base_model is model.inner.base_model
    assert model.get_input_embeddings() is model.inner.get_input_embeddings()


def test_a_saved_wrapper_is_a_plain_checkpoint_and_a_head(tiny_model, tmp_path):
    model = WRAPPERS["linear"](tiny_model("bert"))
    model.save_pretrained(tmp_path)
    assert read_head(tmp_path) == HEAD | {"hidden_layers": [8]}
    again = trunk_of(tmp_path).state_dict()
    assert all(
        torch.equal(values, again[name]) for name, values in model.inner.state_dict().items()
    )
