"""Whether an exported tokenizer, read without Transformers, reads and writes as the run's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luthier.exporters.hard_texts import hard_columns
from luthier.exporters.merged import differs, gap
from luthier.exporters.trial import Trial
from luthier.items import Items
from luthier.onnx_models.description import config_from
from luthier.prediction.exported import light_processor
from luthier.ragged import Ragged
from luthier.task_types.bind import codec_of, tokenizer_of


def refuse_other_tokens(trial: Trial, folder: Path, described: Mapping[str, Any]) -> None:
    """Raise if an exported tokenizer cuts texts into other tokens than the run's, or joins them.

    Raises:
        ModelError: It does; the error shows a text.
    """
    light: Any = light_processor(folder, described)
    predictor = trial.predictor
    own, theirs = tokenizer_of(predictor.codec.processor), tokenizer_of(light)
    if own is not None:
        refuse_other_cuts(trial, own, theirs)
    config, task = config_from(described), predictor.task
    codec = codec_of(predictor.recipe, task, predictor.target, light, config)
    items = codec.encode(trial.rows)
    if not is_same(items, trial.items):
        raise differs("rows are encoded otherwise without Transformers")
    if not trial.writes:
        return
    written = {"generate": trial.before["generate"]}
    theirs, ours = (one.outputs(written, items, trial.rows) for one in (codec, trial.codec))
    if gap(theirs, ours) > 0:
        raise differs("tokens are joined to other texts without Transformers")


def is_same(some: Items, others: Items) -> bool:
    """Return whether the inputs of items are the same."""
    pairs = [(some.inputs[name].values, one.values) for name, one in others.inputs.items()]
    if isinstance(others.layout, Ragged):
        pairs.append((some.layout, others.layout))  # of prompts
    return all(_are_same(one, other) for one, other in pairs)


def _are_same(one: object, other: object) -> bool:
    if isinstance(one, Ragged) and isinstance(other, Ragged):
        same_ends = np.array_equal(one.offsets, other.offsets)
        return same_ends and np.array_equal(one.values, other.values)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return False


def refuse_other_cuts(trial: Trial, own: Any, light: Any) -> None:
    """Raise if hard texts are cut into other tokens.

    Args:
        trial: Its rows have the words of long texts.
        own: The tokenizer of the run.
        light: That of the export.

    Raises:
        ModelError: They are; the error shows a text.
    """
    columns_of = trial.predictor.task.columns
    role = next((one.role for one in columns_of if one.kind == "text"), None)
    texts = [str(one) for one in trial.rows[role or trial.predictor.task.input_roles[0]]]
    most = trial.predictor.limits.max_tokens
    first, second = hard_columns(texts, most)
    for columns in ([texts], [first], [first, second]):
        cutting: list[dict[str, Any]] = [{}, {"truncation": True, "max_length": most}]
        if own.num_special_tokens_to_add(len(columns) > 1) + len(columns) > most:
            cutting = [{}]
        for options in cutting:
            ours = own(*columns, return_offsets_mapping=True, verbose=False, **options).encodings
            theirs = light(*columns, return_offsets_mapping=True, **options).encodings
            for one, other, text in zip(ours, theirs, columns[0], strict=True):
                if (one.ids, one.type_ids, one.offsets) != (
                    other.ids,
                    other.type_ids,
                    other.offsets,
                ):
                    raise differs(f"{text[:80]!r} is cut into other tokens")
