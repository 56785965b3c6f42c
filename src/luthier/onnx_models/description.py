"""`model.json` of an export to ONNX: what answering needs beside the graph and the tokenizer.

It is written where Transformers is at hand, and read where it is not: names and numbers that a
tokenizer of Transformers knows, and the limits of the model's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from luthier.declarations import JSON
from luthier.hf_types import Config, Tokenizer
from luthier.ragged import Array
from luthier.runs.files import damaged, read_json

MODEL, DOCUMENT = "model.onnx", "model.json"
TOKENS = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
LIMITS = ("model_type", "max_position_embeddings", "pad_token_id")


def describe_tokenizer(tokenizer: Tokenizer) -> dict[str, JSON]:
    """Describe a tokenizer of Transformers."""
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in TOKENS}
    return {
        "model_input_names": list(tokenizer.model_input_names),
        "model_max_length": min(int(tokenizer.model_max_length), 2**31),
        "padding_side": tokenizer.padding_side,
        "all_special_ids": list(tokenizer.all_special_ids),
        **special,
    }


def describe_config(config: Config) -> dict[str, JSON]:
    """Describe how much a model reads."""
    return {name: getattr(config, name, None) for name in LIMITS}


def read_description(folder: Path) -> dict[str, Any]:
    """Read the description of an exported model.

    Raises:
        RunError: It is damaged.
    """
    path = folder / DOCUMENT
    found: dict[str, Any] = read_json(path)
    lacking = [name for name in ("tokenizer", "config") if not isinstance(found.get(name), dict)]
    if lacking:
        raise damaged(path, KeyError(*lacking))
    return found


def config_from(description: Mapping[str, Any]) -> Config:
    """Return what stands for the model's configuration."""
    return cast("Config", SimpleNamespace(**description["config"]))


def transitions_from(description: Mapping[str, Any]) -> Array | None:
    """Return the scores of a CRF's transitions, (labels + 1, labels); None without a CRF."""
    kept = description.get("transitions")
    return None if kept is None else np.array(kept, dtype=np.float32)


def is_onnx(folder: object) -> bool:
    """Return whether a folder is that of a model exported to ONNX."""
    return isinstance(folder, (str, Path)) and (Path(folder) / MODEL).is_file()
