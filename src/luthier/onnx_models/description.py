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
from luthier.errors import ModelError
from luthier.hf_types import Config, Model, Tokenizer
from luthier.onnx_models.token_rules import ids_in
from luthier.ragged import Array
from luthier.runs.files import damaged, read_json

MODEL, ENCODER, DOCUMENT = "model.onnx", "encoder.onnx", "model.json"
TOKENS = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
LIMITS = ("model_type", "max_position_embeddings", "pad_token_id")
WRITING = (  # settings of `generate` that `search.py` and `token_rules.py` follow
    *("max_new_tokens", "num_beams", "length_penalty", "early_stopping", "no_repeat_ngram_size"),
    *("pad_token_id", "eos_token_id", "decoder_start_token_id", "forced_bos_token_id"),
    *("forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids"),
    *("repetition_penalty", "min_length", "min_new_tokens", "renormalize_logits"),
    "remove_invalid_values",
)
UNKNOWN = {  # settings that they do not follow, and the values that change nothing
    **dict.fromkeys(("sequence_bias", "exponential_decay_length_penalty", "max_time"), (None,)),
    **dict.fromkeys(("stop_strings", "guidance_scale", "watermarking_config"), (None,)),
    "encoder_repetition_penalty": (None, 1.0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "token_healing": (None, False),
}


def describe_tokenizer(tokenizer: Tokenizer) -> dict[str, JSON]:
    """Describe a tokenizer of Transformers."""
    special = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in TOKENS}
    return {
        "model_input_names": list(tokenizer.model_input_names),
        "model_max_length": min(int(tokenizer.model_max_length), 2**31),
        "padding_side": tokenizer.padding_side,
        "all_special_ids": list(tokenizer.all_special_ids),
        "special_tokens": {name: str(one) for name, one in tokenizer.special_tokens_map.items()},
        "chat_template": tokenizer.get_chat_template() if tokenizer.chat_template else None,
        "clean_up_tokenization_spaces": cleans_up(tokenizer),
        **special,
    }


def cleans_up(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer takes blanks before punctuation away when it joins tokens."""
    is_bpe = type(tokenizer.backend_tokenizer.model).__name__ == "BPE"
    forced = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"
    asked = bool(tokenizer.clean_up_tokenization_spaces)
    return asked and (not is_bpe or bool(getattr(tokenizer, forced, False)))


def describe_generation(model: Model) -> dict[str, JSON] | None:
    """Describe by which settings a model writes; None for one that writes nothing.

    Raises:
        ModelError: A setting is known to Transformers alone.
    """
    settings = getattr(model, "generation_config", None)
    if settings is None:
        return None
    for name, plain in UNKNOWN.items():
        if getattr(settings, name, None) not in plain:
            raise ModelError(
                "This model writes by a setting that is known to Transformers alone.",
                received=f"generation_config.json: {name}={getattr(settings, name)}",
                hint=f"take {name} out of generation_config.json, or --to checkpoint",
            )
    given = {name: getattr(settings, name, None) for name in WRITING}
    found = {name: one for name, one in given.items() if one is not None}
    if "pad_token_id" not in found:
        found["pad_token_id"] = ids_in(settings.eos_token_id)[0] if settings.eos_token_id else 0
    if settings.decoder_start_token_id is None and settings.bos_token_id is not None:
        found["decoder_start_token_id"] = settings.bos_token_id
    return found


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
    has_inputs = found.get("encoders") is not None  # of several kinds, of which none may be a text
    needed = ["config", "encoders"] if has_inputs else ["config"]
    if not has_inputs or found.get("tokenizer") is not None:
        needed.append("tokenizer")
    lacking = [name for name in needed if not isinstance(found.get(name), dict)]
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
