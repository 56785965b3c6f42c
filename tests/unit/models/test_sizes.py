"""Configurations that describe more than a machine holds are refused before memory is taken."""

import json
import shutil

import pytest
from transformers import BertConfig, GPT2Config, LlamaConfig

from luthier.errors import ModelError
from luthier.models.load import read_config
from luthier.models.sizes import estimated_weights


@pytest.mark.parametrize(
    ("config", "millions"),
    [
        (BertConfig(), 110),
        (GPT2Config(), 124),
        (LlamaConfig(vocab_size=128256, num_key_value_heads=8, intermediate_size=14336), 7000),
    ],
)
def test_published_sizes_are_estimated(config, millions):
    assert estimated_weights(config) == pytest.approx(millions * 1e6, rel=0.25)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_hidden_layers", 10**6),
        ("vocab_size", 10**12),
        ("hidden_size", 10**7),
        ("intermediate_size", 10**12),
    ],
)
def test_what_no_machine_holds_is_refused(tiny_model, tmp_path, field, value):
    shutil.copytree(tiny_model("bert"), tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ModelError) as caught:
        read_config(str(tmp_path / "model"))
    assert "config.json" in caught.value.received
