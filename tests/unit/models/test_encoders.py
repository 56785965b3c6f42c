"""Encoders that packages ship become plain checkpoints, and say what they said before."""

import hashlib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from luthier.columns import Limits
from luthier.errors import ModelError
from luthier.inputs.audio import Audio
from luthier.inputs.image import Image
from luthier.models.encoders import shipped
from luthier.models.encoders.efficientnet_lite import (
    EfficientNetLiteConfig,
    EfficientNetLiteForImageClassification,
)
from luthier.models.encoders.speech_embedding import SpeechEmbedding, SpeechEmbeddingConfig
from luthier.models.locate import local_folder
from luthier.models.media_encoder import MediaEncoder
from luthier.models.pooling import mean_of_places


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    """Write a file like that of the package, with other weights."""
    torch.manual_seed(0)
    model = EfficientNetLiteForImageClassification(EfficientNetLiteConfig(num_labels=1000)).eval()
    folder = tmp_path_factory.mktemp("lite")
    weights = {f"of the package {n}": one for n, one in enumerate(model.state_dict().values())}
    torch.save(weights, folder / shipped.LITE0_FILE)
    return folder, model


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Write graphs like those of the package, with other weights."""
    torch.manual_seed(0)
    model = SpeechEmbedding(SpeechEmbeddingConfig()).eval()
    weights = [one.numpy() for one in model.state_dict().values()]
    weights[:2] = [np.random.default_rng(0).normal(size=one.shape) for one in weights[:2]]
    weights[2:] = [20 * one for one in weights[2:]]  # so that differences reach the top
    weights = [one.astype(np.float32) for one in weights]
    names = ["0.stft.conv_real.weight", "0.stft.conv_imag.weight", "1.melW"]
    folder = tmp_path_factory.mktemp("speech")
    write_graph(folder / shipped.SPEECH[0], names, [*np.split(weights[0], 2), abs(weights[1])])
    names = [
        f"model/conv2d{f'_{n}' if n else ''}/Conv2D_{part}_fused_bn"
        for n in range(19)
        for part in ("weights", "bias")
    ]
    names.append("model/conv2d_19/Conv2D/ReadVariableOp:0")
    write_graph(folder / shipped.SPEECH[1], names, weights[2:])
    return folder


def write_graph(path, names, tensors):
    made = [numpy_helper.from_array(one, name) for name, one in zip(names, tensors, strict=True)]
    one = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [one], [], made)
    onnx.save(helper.make_model(graph), path)


def test_lite0_says_what_its_weights_say(lite, monkeypatch):
    folder, model = lite
    digest = hashlib.sha256((folder / shipped.LITE0_FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(shipped, "LITE0_SHA256", digest)
    encoder = MediaEncoder.load(str(folder))
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    (vector,) = encoder.vectors([pixels], Image(), Limits(0))
    prepared = encoder.processor(images=[pixels], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = model.encoder(prepared).last_hidden_state.mean(dim=(2, 3))[0]
    assert prepared.shape == (1, 3, 224, 224)
    assert np.allclose(vector, expected, atol=1e-6)


def test_a_pickled_file_is_opened_only_if_it_is_the_one_that_is_known(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / shipped.LITE0_FILE)
    with pytest.raises(ModelError, match="not the file that is known"):
        local_folder(str(tmp_path))


def test_a_sound_says_the_same_beside_a_longer_one(speech):
    encoder = MediaEncoder.load(str(speech))
    samples = torch.randn(2, 9000)
    mask = torch.ones(2, 9000)
    mask[1, 3333:] = samples[1, 3333:] = 0
    with torch.no_grad():
        both = mean_of_places(encoder.model, {"input_values": samples, "attention_mask": mask})
        alone = mean_of_places(encoder.model, {"input_values": samples[1:, :3333]})
    size = float(alone.abs().max())
    assert torch.allclose(both[1], alone[0], atol=1e-5 * size)  # sums in another order
    assert not torch.allclose(both[0], both[1], atol=1e-3 * size)
    assert encoder.vectors([np.zeros(5)], Audio(), Limits(0, max_seconds=1.0)).shape == (1, 96)


def test_graphs_of_another_model_are_refused(tmp_path):
    for name in shipped.SPEECH:
        write_graph(tmp_path / name, ["w"], [np.zeros(3, dtype=np.float32)])
    with pytest.raises(ModelError, match="not those of Google's"):
        local_folder(str(tmp_path))
    (tmp_path / shipped.SPEECH[1]).write_bytes(b"<html>")
    with pytest.raises(ModelError, match="ONNX file cannot be read"):
        local_folder(str(tmp_path))


def test_a_vector_is_computed_once_for_all_processes(speech, monkeypatch):
    from luthier.models import kept_vectors

    sound = np.random.default_rng(1).normal(size=3000)
    encoder, limits = MediaEncoder.load(str(speech)), Limits(0, max_seconds=0.5)
    first = encoder.vectors([sound, None], Audio(), limits)
    kept_vectors.kept_vectors.cache_clear()  # as in a new process
    monkeypatch.setattr(MediaEncoder, "_encode", None)
    again = MediaEncoder.load(str(speech)).vectors([None, sound], Audio(), limits)
    assert np.array_equal(first[0], again[1])
    assert not again[0].any()


def test_a_damaged_part_is_computed_again(tmp_path):
    from luthier.models.kept_vectors import KeptVectors

    kept = KeptVectors(tmp_path, 2)
    kept.keep(b"a" * 32, np.ones(2, dtype=np.float32))
    kept.write()
    (part,) = tmp_path.glob("*.safetensors")
    assert KeptVectors(tmp_path, 2).known.keys() == {b"a" * 32}
    assert not KeptVectors(tmp_path, 3).known
    part.write_bytes(part.read_bytes()[:-3])
    assert not KeptVectors(tmp_path, 2).known
