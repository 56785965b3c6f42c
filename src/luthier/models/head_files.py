"""The files of a head that Transformers does not know: `head.safetensors` and `head.json`.

They stand beside a plain checkpoint of the pre-trained model. Next: `heads.py`, which puts a head
that was read back onto its model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from luthier.models.safety import read_json

if TYPE_CHECKING:
    from torch import Tensor, nn

HEAD_FILE = "head.json"
WEIGHTS_FILE = "head.safetensors"
LEFT = (  # a note where a training starts from such a checkpoint
    f"The checkpoint's head that Transformers does not know ({HEAD_FILE}) does not go on: what the "
    "recipe asks for in its place starts fresh."
)


def write_head(
    head: nn.Module, settings: dict[str, Any], folder: Path, *, inner: str | tuple[str, ...]
) -> None:
    """Write a head's weights, and the settings from which it is constructed.

    Args:
        head: The head together with the model it is on.
        settings: Arguments of its constructor; they must be JSON.
        folder: Where the checkpoint of the inner model lies.
        inner: Prefixes of weights that are saved elsewhere; they are left out.
    """
    weights = {
        name: values.contiguous()
        for name, values in head.state_dict().items()
        if not name.startswith(inner)
    }
    if weights:
        save_file(weights, str(folder / WEIGHTS_FILE))
    (folder / HEAD_FILE).write_text(json.dumps(settings, indent=1), encoding="utf-8")


def read_head(folder: Path) -> dict[str, Any] | None:
    """Read a head's settings; None if the checkpoint has no such head."""
    path = folder / HEAD_FILE
    return read_json(path) if path.is_file() else None


def read_head_weights(folder: Path) -> dict[str, Tensor]:
    """Read a head's weights, in float32."""
    kept = load_file(str(folder / WEIGHTS_FILE))
    return {name: values.float() for name, values in kept.items()}
