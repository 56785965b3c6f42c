"""The programs that Luthier is measured against: HF's `Trainer`, and a loop that is bare.

Both get a model, rows and settings, and encode as Hugging Face's scripts do. The settings that
are tried to find a peer's best are in `sweep.py`.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.problems import PROBLEMS, Problem, Tokenization
from luthier.models.load import build_model, load_tokenizer

DECAY = 0.01
WARMUP = 0.1
DEFAULT: dict[str, Any] = {}  # of Trainer: nothing beyond what is equal in all arms
GROUPED: dict[str, Any] = {
    "optim": "adamw_torch_fused",
    "train_sampling_strategy": "group_by_length",
    "logging_strategy": "no",
    "logging_nan_inf_filter": False,
    "disable_tqdm": True,
}


@dataclass(frozen=True)
class Start:
    """What a peer begins with.

    Args:
        problem: The task, and how its rows are read and encoded.
        rows: The training rows.
        names: Names of the labels, in the order of their ids.
        tokenizer: The model's tokenizer.
        model: The checkpoint with a fresh head, the same in all arms of a seed.
    """

    problem: Problem
    rows: list[Any]
    names: list[str]
    tokenizer: Any
    model: Any

    @staticmethod
    def read(options: argparse.Namespace) -> Start:
        """Read rows, tokenizer and checkpoint, before any clock starts."""
        problem = PROBLEMS[options.problem]
        rows = problem.rows(options.data, options.rows)
        names, tokenizer = problem.names(rows), load_tokenizer(options.model)
        model = build_model(
            options.model,
            tokenizer=tokenizer,
            labels=names,
            problem_type=problem.problem_type,
            auto_model=problem.auto_model,
            seed=options.seed,
        )
        return Start(problem, rows, names, tokenizer, model)

    def encode(self, options: argparse.Namespace) -> dict[str, list[Any]]:
        """Encode the rows, and tell of their lengths."""
        return encode(self.problem, self.rows, self.tokenizer, self.names, options)

    def collator(self) -> Any:
        """Make what pads the items."""
        return make_collator(self.problem, self.tokenizer, self.model)


def make_collator(problem: Problem, tokenizer: Any, model: Any) -> Any:
    """Give what Transformers has to pad the items of a problem."""
    from transformers import (
        DataCollatorForSeq2Seq,
        DataCollatorForTokenClassification,
        DataCollatorWithPadding,
    )

    if model.config.is_encoder_decoder:
        return DataCollatorForSeq2Seq(tokenizer, model=model)
    if type(model).__name__.endswith("ForTokenClassification"):
        return DataCollatorForTokenClassification(tokenizer)
    return DataCollatorWithPadding(tokenizer)


def encode(
    problem: Problem, rows: list[Any], tokenizer: Any, names: list[str], options: argparse.Namespace
) -> dict[str, list[Any]]:
    """Encode rows, and tell of their lengths."""
    most = options.max_tokens or problem.max_tokens
    encoded = problem.encode(rows, Tokenization(tokenizer, names, most, problem.stride))
    return {**encoded, "length": [len(ids) for ids in encoded["input_ids"]]}


def train_by_trainer(start: Start, options: argparse.Namespace, settings: dict[str, Any]) -> Any:
    """Train by `transformers.Trainer`."""
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    encoded = start.encode(options)
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),  # nothing is saved there
        use_cpu=options.device == "cpu",
        learning_rate=options.learning_rate,
        num_train_epochs=options.epochs,
        max_steps=options.steps,
        per_device_train_batch_size=options.batch_size,
        weight_decay=DECAY,
        warmup_steps=WARMUP,
        length_column_name="length",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        seed=options.seed,
        **settings,
    )
    trainer = Trainer(
        model=start.model,
        args=arguments,
        train_dataset=Dataset.from_dict(encoded),
        data_collator=start.collator(),
    )
    trainer.train()
    return trainer.model


def train_bare(start: Start, options: argparse.Namespace, settings: dict[str, Any]) -> Any:
    """Train by the shortest honest PyTorch loop, rows of like length together."""
    from transformers import get_linear_schedule_with_warmup

    encoded = start.encode(options)
    lengths = np.array(encoded.pop("length"))
    items = [
        dict(zip(encoded, values, strict=True)) for values in zip(*encoded.values(), strict=True)
    ]
    model, collate = start.model, start.collator()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
    size = options.batch_size
    n_steps = int(-(-len(items) // size) * options.epochs)
    n_steps = options.steps if options.steps > 0 else n_steps
    schedule = get_linear_schedule_with_warmup(optimizer, int(WARMUP * n_steps), n_steps)
    model.train()
    done = 0
    while done < n_steps:
        order = rng.permutation(len(items))
        stretches = [order[i : i + 50 * size] for i in range(0, len(items), 50 * size)]
        order = np.concatenate([part[np.argsort(-lengths[part])] for part in stretches])
        for start in range(0, len(items), size)[: n_steps - done]:
            batch = collate([items[i] for i in order[start : start + size]])
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.get("bf16", False)):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done += 1
    return model


PEERS = {"trainer": train_by_trainer, "bare": train_bare}
