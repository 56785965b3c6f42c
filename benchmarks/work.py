"""How much there is to compute: real tokens and their squares, and from them FLOPs.

Padding, and what no head reads, is not counted: what counts is the work that is left after
speed-ups that change no function.

    F = 6 N T + 12 L d Σs²

N: parameters of linear layers; T: real tokens; L: layers; d: width; s: tokens of a row. Where the
head reads one token, the last layer needs only keys and values of the others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from benchmarks.peers import encode
from benchmarks.problems import Problem

KEYS_VALUES = ("key", "value", "k_proj", "v_proj")
Shape = tuple[int, int, int]  # tokens in a batch, width before, width after


@dataclass(frozen=True)
class Work:
    """What is seen in a training.

    Args:
        items: Rows, or windows of them, in one epoch. `epochs`: Over them.
        steps: Optimizer steps.
        tokens: Real tokens of an epoch, of sources. `target_tokens`: Of what a decoder writes.
        squares: Σs² of an epoch. `target_squares`, `crossed`: Likewise Σt² and Σs·t.
        vocabulary: Token ids that occur.
    """

    items: int
    epochs: float
    steps: int
    tokens: int
    target_tokens: int
    squares: int
    target_squares: int
    crossed: int
    vocabulary: int

    @property
    def items_seen(self) -> float:
        """Items over all epochs."""
        return self.items * self.epochs

    @property
    def tokens_seen(self) -> float:
        """Real tokens over all epochs, read and written."""
        return (self.tokens + self.target_tokens) * self.epochs


def work_of(
    problem: Problem, rows: list[Any], tokenizer: Any, names: list[str], options: argparse.Namespace
) -> Work:
    """Count what a training sees."""
    encoded = encode(problem, rows, tokenizer, names, options)
    lengths = np.array(encoded["length"], dtype=np.int64)
    is_written = problem.auto_model == "AutoModelForSeq2SeqLM"
    written = np.array([len(one) for one in encoded["labels"]] if is_written else [0], np.int64)
    a_pass = -(-len(lengths) // options.batch_size)
    steps = options.steps if options.steps > 0 else int(a_pass * options.epochs)
    ids = {token for one in encoded["input_ids"] for token in one}
    if is_written:
        ids |= {token for one in encoded["labels"] for token in one}
    return Work(
        items=len(lengths),
        epochs=steps / a_pass,
        steps=steps,
        tokens=int(lengths.sum()),
        target_tokens=int(written.sum()),
        squares=int((lengths**2).sum()),
        target_squares=int((written**2).sum()),
        crossed=int((lengths * written).sum()),
        vocabulary=len(ids),
    )


def linear_shapes(model: Any, work: Work, *, cls_only: bool = True) -> Counter[Shape]:
    """List the products of all linear layers in a step: (tokens, width in, width out) to how many.

    Args:
        model: As it is trained.
        work: What is seen; a step has its mean.
        cls_only: Whether to leave out of the last layer what a head of one token does not read.
    """
    steps_a_pass = work.steps / work.epochs
    source, target = work.tokens / steps_a_pass, work.target_tokens / steps_a_pass
    rows = work.items / steps_a_pass
    reads_one = type(model).__name__.endswith("ForSequenceClassification")
    last = f".{model.config.num_hidden_layers - 1}."
    found: Counter[Shape] = Counter()
    for name, part in model.named_modules():
        if not isinstance(part, nn.Linear):
            continue
        is_key = name.rpartition(".")[2] in KEYS_VALUES
        is_of_layer = ".layer." in name or ".layers." in name
        count = source
        if model.config.is_encoder_decoder:
            crosses = "encoder_attn" in name and is_key
            count = source if ".encoder." in name or crosses else target
        elif reads_one and (not is_of_layer or (cls_only and last in name and not is_key)):
            count = rows
        found[max(1, round(count)), part.in_features, part.out_features] += 1
    return found


def attention_flops(model: Any, work: Work, *, cls_only: bool = True) -> float:
    """Count the products within attention, forwards and backwards, over the whole training."""
    config = model.config
    width, n_layers = config.hidden_size, config.num_hidden_layers
    if config.is_encoder_decoder:
        per_pass = n_layers * work.squares
        per_pass += config.decoder_layers * (work.target_squares + work.crossed)
    elif cls_only and type(model).__name__.endswith("ForSequenceClassification"):
        per_pass = (n_layers - 1) * work.squares + work.tokens
    else:
        per_pass = n_layers * work.squares
    return 12.0 * width * per_pass * work.epochs


def linear_flops(shapes: Counter[Shape], steps: int) -> float:
    """Count the products of linear layers over the whole training: 6 N T."""
    return 6.0 * steps * sum(m * k * n * times for (m, k, n), times in shapes.items())


def trained_parameters(model: Any, work: Work, *, occurring: bool = True) -> int:
    """Count what the optimizer changes; of the input embeddings only words that occur, if asked."""
    total = sum(one.numel() for one in model.parameters() if one.requires_grad)
    words = model.get_input_embeddings().weight
    is_tied = model.config.is_encoder_decoder  # its outputs are of all words
    if occurring and not is_tied and words.requires_grad:
        total -= (words.shape[0] - min(work.vocabulary, words.shape[0])) * words.shape[1]
    return total
