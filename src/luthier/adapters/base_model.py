"""The base model under an adapter that is kept alone: read again, and known again.

An adapter says only by name what it was trained on, and something else can lie there later: a
folder that was filled anew, a branch of the hub that went on. Put onto other weights it would
answer wrongly without a word, so a digest of the base's weights is kept beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from luthier.errors import ModelError
from luthier.hf_types import Config, Model

BASE_FILE = "base.json"
COMMIT = re.compile(r"[0-9a-f]{40}")


class Base(NamedTuple):
    """What is kept of a base model.

    Args:
        sha256: Of its weights outside the head; None where an older version kept none.
        head: Names of the parts that are learned anew, or None where it was not kept.
        revision: The commit on the hub, if it came from there.
    """

    sha256: str | None = None
    head: tuple[str, ...] | None = None
    revision: str | None = None


def describe_base(model: Model, *, is_prompt: bool) -> Base:
    """Say by what a base model is known again.

    Layers that the recipe re-initialises or a head of ours are in no checkpoint: without a merged
    one they would be lost.

    Args:
        model: As it is before a tuner changes it.
        is_prompt: Whether prompts are to be learned, for the message.

    Raises:
        ModelError: The adapter alone would not be enough to rebuild the model.
    """
    from luthier.models.heads import needs
    from luthier.models.structure import head_modules

    if needs(model) is None:
        head, revision = head_modules(model), commit_of(model.config)
        name = str(model.config.name_or_path)
        read, _ = _read(type(model), name, model.config, revision=revision)
        fresh = read.state_dict()
        changed = [
            name
            for name, parameter in model.named_parameters()
            if not _is_in(name, head)
            and (name not in fresh or not parameter.equal(fresh[name].to(parameter.device)))
        ]
        if not changed:
            return Base(digest(model, head), head, revision)
    raise ModelError(
        "The adapter alone would not be enough: the recipe changes the base model's structure.",
        received="prompts, which cannot be merged" if is_prompt else "method.options.merge=false",
        hint="the model section without changes" if is_prompt else "method.options.merge=true",
    )


def read_base(kind: Any, name: str, config: Config, *, known: Base, head: Sequence[str]) -> Model:
    """Read the base model as the hub or its folder has it, with a fresh head of its class.

    Args:
        kind: Its class.
        name: A hub id, a folder, or `package:NAME`.
        config: The configuration that was kept with the adapter.
        known: What was kept of the base model.
        head: Names of the parts that the adapter brings along.

    Raises:
        ModelError: What lies there is not the model that the adapter was trained on.
    """
    from luthier.models.structure import head_modules

    model, lost = _read(kind, name, config, revision=known.revision)
    if known.head is None:  # not every tuner of peft says what it brings along
        head = (*head, *head_modules(model))
    trunk = f"{model.base_model_prefix}."  # beside it, a base may lack what is made the same anew
    outside = sorted(key for key in lost if key.startswith(trunk) and not _is_in(key, head))
    if outside:
        raise _another_base(name, f"no {outside[0]} of the right shape")
    if known.sha256 is not None and digest(model, head) != known.sha256:
        raise _another_base(name, "other weights")
    return model


def digest(model: Model, head: Sequence[str]) -> str:
    """Give the SHA-256 of the names, shapes and bytes of a model's weights outside its head."""
    import torch

    total = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        if not _is_in(name, head):
            total.update(f"{name} {parameter.dtype} {tuple(parameter.shape)}\n".encode())
            values = parameter.detach().cpu().contiguous().flatten()
            total.update(values.view(torch.uint8).numpy().data)
    return total.hexdigest()


def commit_of(config: Config) -> str | None:
    """Give the commit of the hub that a configuration was read at, if it was."""
    commit = getattr(config, "_commit_hash", None)
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else None


def write_known(base: Base, folder: Path) -> None:
    """Keep beside an adapter what its base model is known by."""
    text = json.dumps(base._asdict(), indent=2) + "\n"
    (folder / BASE_FILE).write_text(text, encoding="utf-8")


def read_known(folder: Path) -> Base:
    """Read what was kept of the base model; nothing, in folders of older versions.

    Raises:
        ModelError: The file is there and says nothing that could be meant.
    """
    from luthier.models.safety import read_json

    path = folder / BASE_FILE
    if not path.is_file():
        return Base()
    kept = read_json(path)
    sha256, head, revision = (kept.get(name) for name in Base._fields)
    if (
        isinstance(sha256, str)
        and isinstance(head, list)
        and all(isinstance(name, str) for name in head)
        and (revision is None or (isinstance(revision, str) and COMMIT.fullmatch(revision)))
    ):
        return Base(sha256, tuple(head), revision)
    raise ModelError(
        f"{BASE_FILE} does not say what the base model is known by.",
        received=str(path),
        hint="copy the run's model folder whole, or run the recipe again",
    )


def head_of(known: Base, kept: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the parts that an adapter brings along, by peft's own word in older folders."""
    if known.head is not None:
        return known.head
    return tuple(str(name) for name in kept.get("modules_to_save") or ())


def _read(kind: Any, name: str, config: Config, *, revision: str | None) -> tuple[Model, set[str]]:
    """Read a model; give it and the names of what its files lack or have in other shapes."""
    from luthier.models.load import quietly
    from luthier.models.locate import locate
    from luthier.models.weights import SAFELY

    with quietly():
        model, loading = kind.from_pretrained(
            locate(name),
            config=config,
            revision=revision,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **SAFELY,
        )
    mismatched = {key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]}
    return model, {*loading["missing_keys"], *mismatched}


def _is_in(name: str, head: Sequence[str]) -> bool:
    return name.startswith(tuple(f"{module}." for module in head))


def _another_base(name: str, what: str) -> ModelError:
    return ModelError(
        "The adapter was trained on another base model than the one that is there now.",
        received=f"{name}: {what}",
        hint="bring the base model back to where it was, or run the recipe again",
    )
