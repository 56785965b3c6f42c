"""Vectors of whole texts by a frozen model: the means of its last states."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from luthier.columns import Limits
from luthier.frozen_features.features import Features
from luthier.models.load import build_model, load_tokenizer, read_config
from luthier.models.structure import pooled_features
from luthier.protocols import Task
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Model, Plugin
from luthier.records import Rows, StepInfo, Target
from luthier.text.tokenize import token_limit
from luthier.training.predict import infer_items

TASK = Plugin(name="text-classification")  # reads one text a row
NAMES = ("first", "second")


def text_vectors(
    model: Model, texts: Sequence[str], *, max_tokens: int = 128, phase: str = "reading the texts"
) -> Generator[StepInfo, None, Array]:
    """Compute a vector of length 1 for every text, (texts, width).

    Args:
        model: The model of a recipe.
        texts: The texts.
        max_tokens: Tokens read of each.
        phase: Name of this phase in progress reports.
    """
    source = model.model_dump(include={"revision", "ignore_unsafe_files"})
    tokenizer = load_tokenizer(model.name, new_tokens=model.new_tokens, **source)
    task: Task = make_plugin("tasks", TASK)
    limit = min(max_tokens, token_limit(tokenizer, read_config(model.name, **source)))
    codec = task.codec(Target("single-label", NAMES), tokenizer, Limits(limit, None))
    built = build_model(
        model.name,
        tokenizer=tokenizer,
        labels=NAMES,
        problem_type=task.problem_type,
        **source,
    )
    trunk = Features(built, lambda batch: pooled_features(built, batch))
    items = codec.encode(Rows.of({"text": list(texts)}))
    found = yield from infer_items(trunk, items, codec, batch_size=64, phase=phase)
    vectors = np.asarray(found, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))
