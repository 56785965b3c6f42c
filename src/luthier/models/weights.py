"""A model's weights, read from a checkpoint or drawn at random. Next: `load.py`.

Weights are read from safetensors only, and no code of a checkpoint is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import AutoModel, PreTrainedModel

from luthier.errors import ModelError
from luthier.hf_types import Config, Model
from luthier.models.families import no_such_head, no_trained_head
from luthier.models.safety import telling_what_failed
from luthier.models.structure import FRESH, MISFIT

SPARE = "spare_weights"  # attribute of a model: what a language head has no use for, to keep
SAFELY: dict[str, Any] = {
    "use_safetensors": True,
    "trust_remote_code": False,  # if unset, Transformers asks at the terminal
    "dtype": torch.float32,
}


def random_weights(auto: Any, config: Config) -> Model:
    """Construct a model with random weights.

    Args:
        auto: The Auto class of Transformers.
        config: The model's configuration.

    Raises:
        ModelError: The family has no such head.
    """
    try:
        model: Model = auto.from_config(config, dtype=torch.float32)
    except ValueError as problem:
        raise no_such_head(config, auto.__name__) from problem
    return model


def read_weights(
    auto: Any, place: str, config: Config, revision: str | None, *, trained_head: bool
) -> Model:
    """Read a model, and check that the checkpoint lacks at most the weights of its head.

    Args:
        auto: The Auto class of Transformers.
        place: A folder or a hub id.
        config: The model's configuration.
        revision: The branch, tag or commit on the hub.
        trained_head: Whether the head's weights must be in the checkpoint too.

    Raises:
        ModelError: Weights are missing, or the family has no such head.
    """
    with telling_what_failed(place):
        try:
            model, loading = auto.from_pretrained(
                place,
                config=config,
                revision=revision,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **SAFELY,
            )
        except ValueError as problem:
            if "Unrecognized configuration class" in str(problem):
                raise no_such_head(config, auto.__name__) from problem
            raise
    prefix = f"{model.base_model_prefix}." if auto is not AutoModel else ""
    missing = set(loading["missing_keys"])
    fresh = sorted(key for key in missing if not key.startswith(prefix))
    if trained_head and fresh:
        raise no_trained_head(place, auto.__name__, fresh)
    lost = sorted(key for key in missing if key.startswith(prefix) and "pooler" not in key)
    if lost and not (prefix and _read_trunk(model, place, config, revision)):
        raise ModelError(
            f"The checkpoint lacks {len(lost)} weights of the model in its config.json.",
            received=f"{place} without {lost[0]}",
            hint="another checkpoint, or the right config.json beside the weights",
        )
    refuse_other_shapes(loading["mismatched_keys"], prefix, place)
    setattr(model, FRESH, tuple(sorted(missing - set(lost))))
    setattr(model, MISFIT, tuple(sorted(key for key, *_ in loading["mismatched_keys"])))
    if model.get_output_embeddings() is not None:
        unused = set(loading["unexpected_keys"])
        kept = _pooler(place, unused, config, revision, prefix)
        setattr(model, SPARE, {**_head(place, unused, config, revision), **kept})
    found: Model = model
    return found


def _pooler(
    place: str, unused: Iterable[str], config: Config, revision: str | None, prefix: str
) -> dict[str, Tensor]:
    """Read the pooler that a language model has no use for, by its names in a whole checkpoint."""
    if not any("pooler" in name for name in unused):
        return {}
    trunk = AutoModel.from_pretrained(place, config=config, revision=revision, **SAFELY)
    kept = {name: one for name, one in trunk.state_dict().items() if "pooler" in name}
    return {f"{prefix}{name}": one for name, one in kept.items()}


def _head(place: str, unused: set[str], config: Config, revision: str | None) -> dict[str, Tensor]:
    """Read the head of a classifier, which a language model has no use for, to keep it."""
    name = next(iter(config.architectures or ()), "")
    written_by: Any = getattr(transformers, name, None)
    is_known = isinstance(written_by, type) and issubclass(written_by, PreTrainedModel)
    if not is_known or all("pooler" in one for one in unused):
        return {}
    whole = written_by.from_pretrained(place, config=config, revision=revision, **SAFELY)
    return {name: one for name, one in whole.state_dict().items() if name in unused}


def refuse_other_shapes(misfits: Iterable[Sequence[Any]], prefix: str, place: str) -> None:
    """Refuse weights of the trunk in another shape than the configuration says.

    Transformers would draw them at random, and part of the pre-trained model would be lost.
    """
    inside = sorted((str(key), tuple(has), tuple(wants)) for key, has, wants in misfits)
    inside = [one for one in inside if one[0].startswith(prefix)]
    if inside:
        key, has, wants = inside[0]
        raise ModelError(
            f"The checkpoint has {len(inside)} weights of other shapes than its config.json says.",
            received=f"{place}: {key} is {has}, not {wants}",
            hint="another checkpoint, or the right config.json beside the weights",
        )


def _read_trunk(model: Model, place: str, config: Config, revision: str | None) -> bool:
    """Read the trunk alone, for classes with a head that name it otherwise (Llama's).

    Returns:
        Whether the checkpoint has all of its weights.
    """
    trunk, loading = AutoModel.from_pretrained(
        place, config=config, revision=revision, output_loading_info=True, **SAFELY
    )
    if any("pooler" not in key for key in loading["missing_keys"]):
        return False
    if trunk.state_dict().keys() != model.base_model.state_dict().keys():
        return False
    model.base_model.load_state_dict(trunk.state_dict())
    return True
