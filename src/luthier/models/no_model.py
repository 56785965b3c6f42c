"""Say what a file or a folder holds that is no model to start from, and how to use it.

Nothing is opened but small JSON files and the header of an adapter's weights. Before this:
`locate.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from luthier.errors import ModelError
from luthier.models.safety import read_json

ADAPTER = "adapter_config.json"
AUTO = {  # task type of peft -> class of peft that reads the base model with the adapter
    "SEQ_CLS": "AutoPeftModelForSequenceClassification",
    "TOKEN_CLS": "AutoPeftModelForTokenClassification",
    "CAUSAL_LM": "AutoPeftModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoPeftModelForSeq2SeqLM",
    "QUESTION_ANS": "AutoPeftModelForQuestionAnswering",
}
HEADS = ("score.weight", "classifier.weight", "out_proj.weight", "logits_proj.weight")
OTHERS = {  # files of a model in a form that cannot be trained
    ".gguf": "a quantised model of llama.cpp, which cannot be trained",
    ".onnx": "an ONNX model, which cannot be trained",
    ".tflite": "a LiteRT model, which cannot be trained",
    ".h5": "weights of TensorFlow",
    ".msgpack": "weights of Flax",
}
PICKLED = (".bin", ".pt", ".pth", ".ckpt")
FILES = (*OTHERS, *PICKLED, ".safetensors", ".json")  # endings of files, and not of hub ids


def is_file_name(name: str) -> bool:
    """Return whether a name is that of a file of weights, which the hub is not asked for.

    >>> is_file_name("llama-q4.GGUF"), is_file_name("google-bert/bert-base-uncased")
    (True, False)
    """
    return name.lower().endswith(FILES)


def no_model_file(path: Path) -> ModelError:
    """Make the error for a file that was given in place of a model's folder."""
    what = OTHERS.get(path.suffix.lower(), "not a folder")
    hint = "the checkpoint that it was made from: a folder, or a hub id"
    if (path.parent / "config.json").is_file() and path.suffix.lower() not in OTHERS:
        hint = f"{path.parent}"
    return ModelError(
        f"A model is a folder with config.json and .safetensors weights; this file is {what}.",
        received=str(path),
        hint=hint,
    )


def no_model(folder: Path) -> ModelError | None:
    """Make the error for a folder that holds something else; None if it may be a model."""
    if (folder / ADAPTER).is_file():
        return _adapter(folder)
    has_weights = any(folder.glob("*.safetensors"))
    if not (folder / "config.json").is_file():
        inside = _models_in(folder)
        if has_weights and not inside:
            return ModelError(
                "This folder has weights, but no config.json that says what they are of.",
                received=str(folder),
                hint="copy config.json and the tokenizer's files of that model into it",
            )
        return ModelError(
            "This folder holds no model: it has no config.json.",
            received=str(folder) + (f" with {', '.join(inside[:3])}" if inside else ""),
            hint=f"{folder / inside[-1]}" if inside else _origin(folder),
        )
    if has_weights:
        return None
    names = sorted(item.name for item in folder.iterdir())
    others = [OTHERS[suffix] for suffix in OTHERS if any(folder.glob(f"*{suffix}"))]
    if others and not any(name.endswith(PICKLED) for name in names):
        return ModelError(
            f"This folder holds {others[0]}.",
            received=f"{folder}: {', '.join(names)}"[:300],
            hint=_origin(folder),
        )
    return ModelError(
        "This folder has no safetensors weights; pickled ones are never opened.",
        received=f"{folder}: {', '.join(names)}"[:300],
        hint="save it again with save_pretrained of Transformers 4.40 or later",
    )


def _origin(folder: Path) -> str:
    others = [suffix for suffix in OTHERS if any(folder.glob(f"*{suffix}"))]
    if others:
        return f"the checkpoint that the {others[0]} file was made from: a folder, or a hub id"
    return "a folder that save_pretrained wrote"


def _models_in(folder: Path) -> list[str]:
    """List the folders inside that hold a model; the one to use stands last.

    Of the checkpoints of a training, that is the newest; of the parts of a Sentence Transformer,
    the Transformer.
    """
    found = [item.parent.name for item in folder.glob("*/config.json")]
    if (folder / "modules.json").is_file():
        return [name for name in found if name.endswith("Transformer")] or sorted(found)[:1]
    return sorted(found, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def _adapter(folder: Path) -> ModelError:
    """Make the error for an adapter, with its base model and the way to use it."""
    about = read_json(folder / ADAPTER)
    kind = str(about.get("peft_type") or "peft")[:40]
    base = str(about.get("base_model_name_or_path") or "a base model that it does not name")[:200]
    merged = folder.parent
    if (merged / "config.json").is_file() and any(merged.glob("*.safetensors")):
        hint = f"{merged}, the model that it was merged into"
    elif (folder / "config.json").is_file():  # of a run of Luthier that kept it apart
        hint = (
            f"model={base} to start from its base model, or method.options.merge=true in the run "
            "that made it"
        )
    else:
        hint = f"merge it into its base model first, in Python:\n{_merging(folder, about, base)}"
    return ModelError(
        f"This folder holds an adapter ({kind}), which is a part of a model: its base model is "
        f"{base}.",
        received=str(folder / "adapter_config.json"),
        hint=hint,
    )


def _merging(folder: Path, about: dict[str, Any], base: str) -> str:
    """Write the lines that merge an adapter."""
    auto = AUTO.get(str(about.get("task_type")), "AutoPeftModel")
    n_labels = _labels_of(folder / "adapter_model.safetensors") if auto in _judges() else None
    labels = f", num_labels={n_labels}" if n_labels else ""
    return "\n".join(
        [
            f"    from peft import {auto}",
            "    from transformers import AutoTokenizer",
            f"    {auto}.from_pretrained({str(folder)!r}{labels})"
            ".merge_and_unload().save_pretrained('merged')",
            f"    AutoTokenizer.from_pretrained({base!r}).save_pretrained('merged')",
            "  then model=merged",
        ]
    )


def _judges() -> Sequence[str]:
    return AUTO["SEQ_CLS"], AUTO["TOKEN_CLS"]


def _labels_of(weights: Path) -> int | None:
    """Read the number of labels of the head that was saved with an adapter."""
    try:
        with safe_open(str(weights), framework="np") as file:
            heads = [name for name in file.keys() if name.endswith(HEADS)]  # noqa: SIM118
            return int(file.get_slice(heads[-1]).get_shape()[0]) if heads else None
    except (SafetensorError, OSError, ValueError):
        return None
