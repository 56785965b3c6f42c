"""Reload a standalone adapter's base model and verify it by its digest.

An adapter refers to its base model by name only, and that name may refer to other weights later: a
folder may be overwritten, a branch on the hub may move. On other weights the adapter would predict
wrongly without an error, so a digest of the base model's weights is stored beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from luthier.errors import LuthierError, ModelError
from luthier.hf_types import Config, Model
from luthier.models.identity import digest, is_in
from luthier.paths import is_plain_name
from luthier.runs import RunFolder
from luthier.runs.shareable import is_local, last_part

ADAPTER_FILE, BASE_FILE = "adapter_config.json", "base.json"
COMMIT = re.compile(r"[0-9a-f]{40}")


class Base(NamedTuple):
    """What identifies a base model.

    Args:
        sha256: Digest of its weights outside the head; None in folders of older versions.
        head: Names of the modules that the adapter replaces; None in folders of older versions.
        revision: Commit on the hub, if it was read from there.
    """

    sha256: str | None = None
    head: tuple[str, ...] | None = None
    revision: str | None = None


def describe_base(model: Model, *, is_prompt: bool) -> Base:
    """Describe a base model so that it can be verified later.

    Layers that the recipe re-initialises and Luthier's own heads are in no checkpoint. Unless the
    adapter is merged, they would be lost.

    Args:
        model: The model before a tuner changes it.
        is_prompt: Whether the tuner learns prompts, which decides the fix that is suggested.

    Raises:
        ModelError: The model could not be rebuilt from the adapter and the base model.
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
            if not is_in(name, head)
            and (name not in fresh or not parameter.equal(fresh[name].to(parameter.device)))
        ]
        if not changed:
            return Base(digest(model, head), head, revision)
    raise ModelError(
        "An adapter alone would not suffice: the recipe changes the base model's structure.",
        received="prompts, which cannot be merged" if is_prompt else "method.options.merge=false",
        hint="the model section without changes" if is_prompt else "method.options.merge=true",
    )


def read_base(kind: Any, name: str, config: Config, *, known: Base, head: Sequence[str]) -> Model:
    """Read a base model from the hub or its folder, with a new head, and verify it.

    Args:
        kind: Class of the model.
        name: A hub id, a folder, or `package:NAME`.
        config: The configuration stored with the adapter.
        known: What identifies the base model.
        head: Names of the modules that the adapter replaces.

    Raises:
        ModelError: The model is not the one that the adapter was trained on.
    """
    from luthier.models.structure import head_modules

    model, lost = _read(kind, name, config, revision=known.revision)
    if known.head is None:  # not every tuner of peft lists the modules it replaces
        head = (*head, *head_modules(model))
    trunk = f"{model.base_model_prefix}."  # weights outside the trunk may be missing: they are new
    outside = sorted(key for key in lost if key.startswith(trunk) and not is_in(key, head))
    if outside:
        raise _another_base(name, f"no {outside[0]} of the right shape")
    if known.sha256 is not None and digest(model, head) != known.sha256:
        raise _another_base(name, "other weights")
    return model


def put_in_order(wrapped: Any) -> None:
    """Sort the sets of an adapter's configuration, which peft writes in an order of chance."""
    for config in wrapped.peft_config.values():
        for name, value in vars(config).items():
            if isinstance(value, set):
                setattr(config, name, sorted(value))


def forget_folder(folder: Path) -> None:
    """Cut the base model's name in an adapter's files to its last part, and drop peft's own card.

    An adapter is shared, and says nothing of the folders of this machine; `place_of_base` finds the
    model again. The card that peft writes says nothing but where the base model was.
    """
    path = folder / ADAPTER_FILE
    kept = json.loads(path.read_text(encoding="utf-8"))
    name = str(kept.get("base_model_name_or_path") or "")
    if is_local(name):
        kept["base_model_name_or_path"] = last_part(name)
        path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def place_of_base(name: str, folder: Path) -> str:
    """Find the base model of an adapter: where its run's recipe says, beside it, or by its name.

    Args:
        name: What the adapter calls it: a hub id, or the last part of a folder.
        folder: The adapter's folder.
    """
    from luthier.models.locate import local_folder

    if not is_plain_name(name):
        return name
    for asked in _named_by_run(folder.parent):
        try:
            place = local_folder(asked)
        except (LuthierError, OSError, ValueError):  # it is gone
            continue
        if place is not None and place.name == name:
            return asked
    beside = folder.parent / name
    return str(beside) if beside.is_dir() else name


def _named_by_run(folder: Path) -> Iterator[str]:
    """Walk over the models that a run started from: adapted ones, and that of its recipe."""
    run = RunFolder(folder)
    try:
        adapted = (run.read_json("adaptation") or {}).get("model")
        if adapted:
            yield str(folder / adapted)
        yield run.recipe().model.name
    except (LuthierError, OSError, ValueError, AttributeError):
        return  # the adapter stands alone, or moved elsewhere


def commit_of(config: Config) -> str | None:
    """Return the commit on the hub that a configuration was read from, if any."""
    commit = getattr(config, "_commit_hash", None)
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else None


def write_known(base: Base, folder: Path) -> None:
    """Write what identifies the base model beside an adapter."""
    text = json.dumps(base._asdict(), indent=2) + "\n"
    (folder / BASE_FILE).write_text(text, encoding="utf-8")


def read_known(folder: Path) -> Base:
    """Read what identifies the base model; empty in folders of older versions.

    Raises:
        ModelError: The file exists and is not valid.
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
        f"{BASE_FILE} does not identify the base model.",
        received=str(path),
        hint="copy the run's model folder whole, or run the recipe again",
    )


def head_of(known: Base, kept: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the modules an adapter replaces; peft's own record in older folders."""
    if known.head is not None:
        return known.head
    return tuple(str(name) for name in kept.get("modules_to_save") or ())


def _read(kind: Any, name: str, config: Config, *, revision: str | None) -> tuple[Model, set[str]]:
    """Read a model; also return the names of weights that are missing or of another shape."""
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


def _another_base(name: str, what: str) -> ModelError:
    return ModelError(
        "The adapter was trained on another base model than the one found now.",
        received=f"{name}: {what}",
        hint="bring the base model back to where it was, or run the recipe again",
    )
