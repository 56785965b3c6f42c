"""Spoken digits beside drawn ones, a speaker never heard, and inputs that are absent."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import luthier
from benchmarks.modalities.emoji import LITE0
from luthier.records import Rows

SHARES = (0.0, 0.25, 0.5, 0.75)
NOISE = 0.5  # standard deviation, of the range of pixels
ALONE = {"heard": ["drawn"], "drawn": ["heard"]}  # input to what is left out


def digits(asked: argparse.Namespace) -> dict[str, Any]:
    """Judge each input alone and both, with inputs absent in training or not."""
    with (asked.data / "spoken-digits" / "digits.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, Any] = {}
    for speaker in sorted({row["speaker"] for row in rows}):
        parts = {
            part: paired(rows, asked, is_test=part == "test", speaker=speaker)
            for part in ("train", "test")
        }
        runs = {
            **{
                role: trained(parts, asked, speaker, role, left_out=out)
                for role, out in ALONE.items()
            },
            "joint": trained(parts, asked, speaker, "joint", modality_dropout=0.15),
            "joint without dropout": trained(
                parts, asked, speaker, "joint without dropout", modality_dropout=0.0
            ),
        }
        for name, folder in runs.items():
            for role, share, said in scored(luthier.load(folder), parts["test"]):
                found.setdefault(f"{name}, {role} absent {share}", []).append(said)
        print(speaker, {key: round(one[-1], 3) for key, one in found.items()}, flush=True)
    means = {key: float(np.mean(one)) for key, one in found.items()}
    print(means, flush=True)
    return {"each": found, "mean": means}


def paired(
    rows: list[dict[str, str]], asked: argparse.Namespace, *, is_test: bool, speaker: str
) -> list[dict[str, Any]]:
    """Pair sounds with pictures of their class: even pictures in training, odd ones in the test."""
    pictures, random = load_digits(), np.random.default_rng(0)
    folder = asked.out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    pools: dict[str, list[str]] = {}
    for number, (pixels, label) in enumerate(zip(pictures.images, pictures.target, strict=True)):
        path = folder / f"{number}.png"
        noised = pixels / 16 + NOISE * random.normal(size=(8, 8))
        if not path.is_file():
            Image.fromarray((255 * noised.clip(0, 1)).astype(np.uint8)).save(path)
        if number % 2 == is_test:
            pools.setdefault(str(label), []).append(str(path))
    return [
        {
            "heard": str(asked.data / "spoken-digits" / row["recording"]),
            "drawn": str(random.choice(pools[row["digit"]])),
            "label": row["digit"],
        }
        for row in rows
        if (row["speaker"] == speaker) == is_test
    ]


def trained(
    parts: dict[str, Any], asked: argparse.Namespace, speaker: str, name: str, **options: Any
) -> Path:
    """Train on all speakers but one."""
    made = {
        "model": "none",
        "task": {
            "name": "multimodal-classification",
            "options": {
                "inputs": {"heard": "audio", "drawn": "image"},
                "encoders": {"heard": asked.speech, "drawn": LITE0},
                **options,
            },
        },
        "data": {"split": {"validation": 0.1}, "max_seconds": 2.0},
        "training": {
            "num_train_epochs": 10,
            "learning_rate": 1e-4,
            "per_device_train_batch_size": 32,
        },
        "evaluation": {"explained_rows": 0},
        "baselines": [],
    }
    given = {
        part: Rows.of({key: [row[key] for row in rows] for key in rows[0]})
        for part, rows in parts.items()
    }
    return Path(luthier.run(made, out=asked.out / f"{speaker} {name}", data=given).folder)


def scored(judge: Any, rows: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    """Score the test rows with a share of each input taken away."""
    found = []
    for role in ALONE:
        for share in SHARES:
            is_absent = np.random.default_rng([0, round(100 * share)]).random(len(rows)) < share
            asked = [
                {key: None if gone and key == role else row[key] for key in ALONE}
                for row, gone in zip(rows, is_absent, strict=True)
            ]
            said = [answer["label"] for answer in judge(asked)]
            right = [one == row["label"] for one, row in zip(said, rows, strict=True)]
            found.append((role, share, float(np.mean(right))))
    return found
