"""What systems might say of a task's toy rows: anything, and what is right."""

from __future__ import annotations

import numpy as np

from luthier.ragged import Ragged
from luthier.task_types.seq2seq import as_array
from luthier.task_types.token_outputs import Pieces
from luthier.training.listeners import follow
from luthier.training.predict import predict


def adapted(task):
    """Give a task's toy rows in the shape that it works with."""
    return task.normalize(task.toy_rows())[0]


def outputs_of(model, job, split="test", *, kinds=None):
    """Give a model's outputs for a split, for the verdict or of some kinds of inference."""
    return follow(predict(model, job, split, phase="predicting", kinds=kinds), lambda info: None)


def random_outputs(task, rows=None, *, seed=0):
    """Draw what a model might say of each row."""
    rows = adapted(task) if rows is None else rows
    target = task.learn_target(rows)
    codec = task.codec(target)
    random = np.random.default_rng(seed)
    if target.kind == "tags":
        n_words = np.array([len(words) for words in rows["words"]])
        drawn = random.normal(size=(n_words.sum(), target.n_outputs)).astype(np.float32)
        return Pieces.of_each_word(drawn, n_words)
    if target.kind == "answer":
        said = codec.uninformed_outputs(rows)
        for row, context in enumerate(rows["context"]):
            first, past = np.sort(random.choice(len(context), size=2, replace=False))
            said[row, 1] = first, past, random.normal()
        said[:, 0, 2] = random.normal(size=len(rows))
        return said
    if target.kind == "text":
        return as_array(random.permutation(list(codec.gold(rows))).tolist())
    if target.kind == "language":
        tokens = random.integers(1, 9, size=len(rows))
        drawn = np.stack([-tokens * random.random(len(rows)), tokens, tokens // 2], axis=1)
        return codec.of_statistics(drawn.astype(float))
    return random.normal(size=(len(rows), target.n_outputs)).astype(np.float32)


def right_outputs(task, rows=None):
    """Give what a model says that knows everything."""
    rows = adapted(task) if rows is None else rows
    target = task.learn_target(rows)
    codec = task.codec(target)
    gold = codec.gold(rows)
    if target.kind in ("single-label", "choice"):
        return 20 * (np.eye(target.n_outputs)[gold] - 0.5)
    if target.kind == "multi-label":
        return 20 * (gold.astype(float) - 0.5)
    if target.kind == "number":
        return ((gold - target.mean) / target.scale)[:, None]
    if target.kind == "tags":
        assert isinstance(gold, Ragged)
        return Pieces.of_each_word(20 * np.eye(target.n_outputs)[gold.values], gold.lengths)
    if target.kind == "answer":
        said = codec.uninformed_outputs(rows)
        for row, one in enumerate(gold):
            if one.spans:
                said[row, 1] = *one.spans[0], 9.0
            else:
                said[row, 0, 2] = 99.0
        return said
    if target.kind == "text":
        return gold
    return codec.of_statistics(np.tile([0.0, 3.0, 3.0], (len(rows), 1)))
