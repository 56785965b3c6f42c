"""The same trials on `transformers.Trainer` with its own way of going on, by the same harness.

python -m tests.torture.peer            kills, damage, exactness and numbers

Its own way: `trainer.train(resume_from_checkpoint=True)` where a checkpoint is there, as the
example scripts of Transformers do it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

from tests.tiny import write_tiny_model
from tests.torture import damage, exactness
from tests.torture.trial import Child, Ended, file_hash
from tests.toys import toy_rows

SETTINGS: dict[str, Any] = {
    "max_steps": 24,
    "per_device_train_batch_size": 8,
    "learning_rate": 1e-2,
    "logging_steps": 1,
    "eval_strategy": "steps",
    "eval_steps": 4,
    "save_strategy": "steps",
    "save_steps": 4,
    "save_total_limit": 2,
    "load_best_model_at_end": True,
    "report_to": [],
    "disable_tqdm": True,
    "use_cpu": True,
}
CELLS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": {"gradient_accumulation_steps": 3},
    "2 workers": {"dataloader_num_workers": 2},
    "words dropped at random": {"drops_words": True},
    "words dropped at random, 2 workers": {"drops_words": True, "dataloader_num_workers": 2},
}


class Peer:
    """A folder in which the peer trains and is ended.

    Args:
        folder: Where all of it lies.
        drops_words: Whether the collator leaves out words at random, as augmentation does.
        settings: Of `TrainingArguments`, beside `SETTINGS`.
    """

    def __init__(self, folder: Path, *, drops_words: bool = False, **settings: Any):
        folder.mkdir(parents=True)
        self.folder, self.drops_words = folder, drops_words
        self.settings = {**SETTINGS, **settings}
        self.model = write_tiny_model("bert", folder / "model")

    def begin(self, out: str, before: Callable[[], object] | None = None) -> Child:
        """Begin a training, or go on with it, in a process of its own."""

        def work() -> None:
            if before is not None:
                before()
            self._train(self.folder / out)

        return Child(work)

    def finish(self, out: str) -> Ended:
        """Begin or go on, and wait for the end."""
        return self.begin(out).wait()

    def _train(self, out: Path) -> None:
        transformers.set_seed(0)
        tokenizer = AutoTokenizer.from_pretrained(self.model)
        rows = toy_rows("text-classification")
        names = sorted(set(rows["label"]))
        model = AutoModelForSequenceClassification.from_pretrained(
            self.model, num_labels=len(names), ignore_mismatched_sizes=True
        )
        pairs = [
            {**tokenizer(text), "labels": names.index(label)}
            for text, label in zip(rows["text"], rows["label"], strict=True)
        ]

        def collate(batch: list[dict[str, Any]]) -> Any:
            if self.drops_words:
                batch = [_with_fewer_words(row) for row in batch]
            return tokenizer.pad(batch, return_tensors="pt")

        trainer = Trainer(
            model=model,
            args=TrainingArguments(output_dir=str(out), **self.settings),
            data_collator=collate,
            train_dataset=pairs[:-20],
            eval_dataset=pairs[-20:],
            processing_class=tokenizer,
        )
        last = get_last_checkpoint(str(out)) if out.is_dir() else None
        trainer.train(resume_from_checkpoint=last)
        trainer.save_model(str(out / "final"))

    def reference(self) -> Ended:
        """Train once without an interruption."""
        ended = self.finish("whole")
        if ended.code:
            raise RuntimeError(ended.said[-2000:])
        return ended

    def weights(self, out: str) -> str:
        """Compute the sha256 of the final model; nothing where there is none."""
        path = self.folder / out / "final" / "model.safetensors"
        return file_hash(path) if path.is_file() else ""


def _with_fewer_words(row: dict[str, Any]) -> dict[str, Any]:
    kept = [n for n in range(len(row["input_ids"])) if n == 0 or random.random() > 0.1]
    tokens = ("input_ids", "attention_mask", "token_type_ids")
    return {k: [v[n] for n in kept] if k in tokens else v for k, v in row.items()}


def outcome(peer: Peer, out: str, ended: Ended) -> str:
    """Say in a word what came of going on."""
    if ended.code != 0:
        return "crashed"
    return "equal" if peer.weights(out) == peer.weights("whole") else "other weights"


def kills(folder: Path, n: int) -> Counter[str]:
    """Kill half at random instants and half inside a save, then go on."""
    peer, found = Peer(folder), Counter[str]()
    peer.reference()
    seconds = peer.finish("clock").seconds
    chance = random.Random(0)
    for number in range(n):
        out = f"killed-{number}"
        if number % 2:
            child = peer.begin(out, before=_dying_inside_a_save(chance))
        else:
            child = peer.begin(out)
            time.sleep(chance.uniform(0.05, seconds))
            child.kill()
        if child.wait().code == 0:
            continue
        where = "inside a save" if number % 2 else "anywhere"
        found[f"{where}: {outcome(peer, out, peer.finish(out))}"] += 1
    return found


def _dying_inside_a_save(chance: random.Random) -> Callable[[], None]:
    which, delay = chance.randrange(6), chance.uniform(0, 0.03)

    def prepare() -> None:
        save, count = Trainer._save_checkpoint, iter(range(1000))

        def dying(self: Any, *given: Any, **named: Any) -> None:
            if next(count) == which:
                threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            save(self, *given, **named)

        Trainer._save_checkpoint = dying

    return prepare


def damages(folder: Path) -> Counter[str]:
    """Damage every file that going on reads, in every way."""
    peer, found = Peer(folder, max_steps=14), Counter[str]()
    peer.reference()
    peer.begin("killed", before=_dying_after(12)).wait()
    checkpoint = peer.folder / "killed" / "checkpoint-12"
    for file in sorted(path.name for path in checkpoint.iterdir()):
        if file.startswith("tokenizer"):
            continue
        for name, spoil in damage.DAMAGES.items():
            if name == "not a number" and not file.endswith(".safetensors"):
                continue
            out = f"{file}-{name}".replace(" ", "-")
            shutil.copytree(peer.folder / "killed", peer.folder / out)
            there = peer.folder / out / "checkpoint-12" / file
            other = next(peer.folder.glob(f"{out}/checkpoint-[48]")) / file
            before = file_hash(there)
            spoil(there, other)
            if name == "deleted" or file_hash(there) != before:
                found[outcome(peer, out, peer.finish(out))] += 1
    return found


def _dying_after(step: int) -> Callable[[], None]:
    def prepare() -> None:
        save = Trainer._save_checkpoint

        def dying(self: Any, *given: Any, **named: Any) -> None:
            save(self, *given, **named)
            if self.state.global_step == step:
                os.kill(os.getpid(), signal.SIGKILL)

        Trainer._save_checkpoint = dying

    return prepare


def exact(folder: Path) -> Counter[str]:
    """Kill each cell after its second save, and go on."""
    found = Counter[str]()
    for number, (name, settings) in enumerate(CELLS.items()):
        peer = Peer(
            folder / str(number), **{**settings, "max_steps": exactness.TRAINING["max_steps"]}
        )
        peer.reference()
        peer.begin("killed", before=_dying_after(8)).wait()
        found[f"{name}: {outcome(peer, 'killed', peer.finish('killed'))}"] += 1
    return found


def numbers(folder: Path, n: int) -> Counter[str]:
    """Make the loss NaN at one step; say how the training ends and what it logs."""
    peer, found = Peer(folder), Counter[str]()

    def spoiling(step: int) -> Callable[[], None]:
        def prepare() -> None:
            compute, count = Trainer.compute_loss, iter(range(1, 1000))

            def spoilt(self: Any, *given: Any, **named: Any) -> Any:
                loss = compute(self, *given, **named)
                is_training = self.model.training
                return loss * float("nan") if is_training and next(count) == step else loss

            Trainer.compute_loss = spoilt

        return prepare

    for number in range(n):
        ended = peer.begin(f"nan-{number}", before=spoiling(2 + 2 * number)).wait()
        logs = "logs a loss of 0" if "'loss': '0'" in ended.said else "logs no 0"
        found[f"exit {ended.code}, {logs}"] += 1
    return found


def main() -> None:
    """Count, and print a line for each outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, counted in (
            ("R1 kills", lambda: kills(folder / "kills", options.kills)),
            ("R3 damage", lambda: damages(folder / "damage")),
            ("R5 exactness", lambda: exact(folder / "exact")),
            ("R8 NaN", lambda: numbers(folder / "numbers", 10)),
        ):
            begun = time.monotonic()
            found = counted()
            print(f"{title}  ({time.monotonic() - begun:.0f} s)", flush=True)
            for what, count in sorted(found.items()):
                print(f"    {count:4d}  {what}", flush=True)


if __name__ == "__main__":
    main()
