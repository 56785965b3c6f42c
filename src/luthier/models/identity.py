"""What makes a model the same one: its weights, its configuration and its tokenizer.

A resumed run is held to it: a vocabulary or an activation that changed in between would go on
with weights that were trained for another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from luthier.declarations import JSON
from luthier.hf_types import Config, Model

NOT_THE_MODEL = ("_name_or_path", "transformers_version", "architectures")  # of a configuration
SMALL = 1 << 24  # bytes of a file that is read whole
OF_ONE_CALL = ("truncation", "padding")  # of a tokenizer: set anew whenever texts are encoded


def describe_model(model: Model, processor: Any) -> dict[str, JSON]:
    """Describe a model by what its training depends on beside the recipe and the rows.

    Args:
        model: The model before anything is trained; its head, which is new, is left out.
        processor: Its tokenizer, or what prepares other inputs for it.
    """
    from luthier.models.structure import head_modules

    return {
        "weights": digest(model, head_modules(model)),
        "configuration": describe_config(model.config),
        "tokenizer": processor_digest(processor),
    }


def files_digest(name: str) -> str:
    """Return the SHA-256 of a model's small files, and of the sizes and dates of its large ones.

    Quick, and enough to tell whether the model of a name is still the same; of a hub id, that id.
    """
    from luthier.models.locate import local_folder

    total = hashlib.sha256(name.encode())
    folder = local_folder(name)
    for path in sorted(folder.iterdir()) if folder is not None else ():
        if path.is_file():
            about = path.stat()
            is_small = about.st_size <= SMALL
            content = path.read_bytes() if is_small else str(about.st_mtime_ns).encode()
            total.update(f"{path.name} {about.st_size}\n".encode() + content)
    return total.hexdigest()


def describe_config(config: Config) -> dict[str, JSON]:
    """Give the fields of a configuration that describe the model, as JSON can hold them."""
    fields = {name: one for name, one in config.to_dict().items() if name not in NOT_THE_MODEL}
    described: dict[str, JSON] = json.loads(json.dumps(fields, default=str, sort_keys=True))
    return described


def processor_digest(processor: Any) -> str | None:
    """Return the SHA-256 of what decides how inputs are encoded; None if that cannot be told."""
    parts: dict[str, Any] = {
        "special": getattr(processor, "special_tokens_map", None),
        "template": getattr(processor, "chat_template", None),
    }
    backend = getattr(processor, "backend_tokenizer", None)
    if backend is not None:
        content = json.loads(backend.to_str())
        parts["content"] = {name: one for name, one in content.items() if name not in OF_ONE_CALL}
    elif hasattr(processor, "get_vocab"):
        parts["content"] = processor.get_vocab()
    elif hasattr(processor, "to_dict"):
        parts["content"] = processor.to_dict()
    else:
        return None
    return hashlib.sha256(json.dumps(parts, default=str, sort_keys=True).encode()).hexdigest()


def digest(model: Model, head: Sequence[str]) -> str:
    """Return the SHA-256 of names, shapes and bytes of a model's weights outside its head.

    Buffers that a checkpoint holds, such as the statistics of batch norms, count as well.
    """
    import torch

    total = hashlib.sha256()
    saved = model.state_dict().keys()
    buffers = ((name, one) for name, one in model.named_buffers() if name in saved)
    for name, parameter in sorted([*model.named_parameters(), *buffers]):
        if not is_in(name, head):
            total.update(f"{name} {parameter.dtype} {tuple(parameter.shape)}\n".encode())
            values = parameter.detach().cpu().contiguous().flatten()
            total.update(values.view(torch.uint8).numpy().data)
    return total.hexdigest()


def trunk_digest(model: Model) -> str:
    """Return the SHA-256 of the weights of a model's trunk, whatever head it has."""
    from luthier.models.structure import trunk

    return digest(trunk(model), ("pooler",))


def is_in(name: str, modules: Sequence[str]) -> bool:
    """Say whether a parameter belongs to one of the modules of these names."""
    return name.startswith(tuple(f"{module}." for module in modules))
