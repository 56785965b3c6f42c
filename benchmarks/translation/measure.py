"""Does a small encoder-decoder, trained from nothing, translate better than its baselines?

python -m benchmarks translation --data FOLDER --epochs 12 --out RUN

Makes a tokenizer and a Marian of random weights from the training texts, follows a recipe, and sets
the run's BLEU, chrF and TER beside what the command `sacrebleu` says of the written files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.models import make_marian
from benchmarks.processes import write
from luthier.pipeline import run
from luthier.runs import RunFolder


def main() -> None:
    """Make the model, train it, and let another judge say the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=12)
    parser.add_argument("--rows", type=int, help="Training pairs; all when left out.")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = [options.data / f"train.{language}" for language in ("en", "de")]
        model = make_marian(texts, Path(folder) / "model")
        done = run(recipe_of(model, options), out=options.out)
    lines = list(RunFolder.open(done.folder).read_predictions())
    ours = {name: score.value for name, score in done.scores["fine-tuned"].items()}
    theirs = by_command(
        [line["gold"] for line in lines],
        [line["predictions"]["fine-tuned"]["answer"] for line in lines],
    )
    for name, value in ours.items():
        print(f"{name}: luthier {value:.4f}, the command sacrebleu {theirs[name]:.4f}")
    for comparison in done.comparisons:
        print(comparison.verdict)
    scores = {
        system: {name: score.value for name, score in of_system.items()}
        for system, of_system in done.scores.items()
    }
    write("translation", {"scores": scores, "sacrebleu": theirs})


def recipe_of(model: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write the recipe."""
    files = {
        split: str(options.data / f"{split}.{{en,de}}") for split in ("train", "validation", "test")
    }
    return {
        "model": str(model),
        "task": {"name": "translation", "options": {"max_target_tokens": 48}},
        "data": {
            **files,
            "columns": {"text": "en", "target": "de"},
            "limit": {"train": options.rows} if options.rows else {},
        },
        "training": {
            "learning_rate": 1e-3,
            "num_train_epochs": options.epochs,
            "per_device_train_batch_size": 64,
            "label_smoothing_factor": 0.1,
            "warmup_steps": 0.1,
            "use_cpu": True,
        },
    }


def by_command(references: list[str], answers: list[str]) -> dict[str, float]:
    """Score written files by the command `sacrebleu`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("references", "answers")]
        for path, texts in zip(paths, (references, answers), strict=True):
            path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        command = [sys.executable, "-m", "sacrebleu", str(paths[0]), "-i", str(paths[1])]
        command += ["-m", "bleu", "chrf", "ter", "--width", "4", "--force"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {one["name"].lower().removesuffix("2"): one["score"] for one in json.loads(said)}
