"""Do methods of episodes learn new classes from a few rows better than a frozen sentence encoder?

python -m benchmarks episodes --data FOLDER

Classes are held out from training, and all arms are asked the same episodes of theirs. With
`--tune` these classes are others, taken from the training classes: settings are chosen there.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.models import MINILM
from benchmarks.paired import mean_and_interval
from benchmarks.processes import FOLDER, write
from luthier.codec import Codec
from luthier.columns import Limits
from luthier.episodes.adaptation import begin_head, descend, stored_features, take_head_off
from luthier.episodes.learner import Episode
from luthier.episodes.sampler import Shape, sample_episodes, split_classes
from luthier.items import Items
from luthier.job import Job, Plan, Problem, Session
from luthier.methods.maml import judge_after_steps
from luthier.models.load import build_model, load_tokenizer
from luthier.ragged import Array
from luthier.recipe.tree import Training
from luthier.records import Rows, Splits
from luthier.registry import find
from luthier.tasks.text_classification import TextClassification
from luthier.training.listeners import follow
from luthier.training.model_calls import to_tensors
from luthier.training.predict import infer_items

MAX_TOKENS = 64
WAYS, SHOTS, QUERIES = 5, (1, 5), 5
FROZEN = ("frozen", "frozen-cosine")
FEW: dict[str, Any] = {"shots": 1, "queries": 4, "episodes": 120, "meta_batch": 2}
TRAINING: dict[str, Any] = {"learning_rate": 2e-4}
ARMS: dict[str, tuple[str, dict[str, Any]]] = {  # method, options
    "prototypical-networks": (
        "prototypical-networks",
        {"ways": 10, "shots": 1, "queries": 2, "episodes": 120},
    ),
    "maml": ("maml", {**FEW, "inner_steps": 1}),
    "anil": ("maml", {**FEW, "inner_steps": 1, "anil": True}),
    "reptile": ("reptile", {**FEW, "inner_steps": 3}),
}
Scores = dict[str, list[float]]  # shots -> accuracy of every episode
WORK: list[Callable[..., float]] = []  # what copies of this process do


def main() -> None:
    """Train and judge the arms asked for; compare all that were measured with these settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv, test.csv")
    parser.add_argument("--arms", nargs="+", default=[*FROZEN, *ARMS], choices=[*FROZEN, *ARMS])
    parser.add_argument("--held-out", type=int, default=15, help="classes")
    parser.add_argument("--episodes", type=int, default=600, help="to judge by")
    parser.add_argument("--workers", type=int, default=2, help="that judge by moving the body")
    parser.add_argument("--tune", action="store_true", help="judge by training classes instead")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON, over the arm's own")
    parser.add_argument("--training", type=json.loads, default={}, help="likewise")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    texts, labels = read(options.data)
    learned, held_out = split_classes(labels, options.held_out, 0)
    if options.tune:
        inner = labels[np.isin(labels, learned)]
        learned, held_out = split_classes(inner, options.held_out, 1)
    prefix = "episodes-tune" if options.tune else "episodes"
    tokenizer = load_tokenizer(MINILM)
    for arm in options.arms:
        began = time.perf_counter()
        body = train_arm(arm, tokenizer, chosen(texts, labels, learned), options)
        trained = time.perf_counter()
        for scores in judge(arm, body, tokenizer, chosen(texts, labels, held_out), options):
            spent = {"train": trained - began, "judge": time.perf_counter() - trained}
            settings = {
                "options": {**ARMS[arm][1], **options.options} if arm in ARMS else {},
                "training": {**TRAINING, **options.training} if arm in ARMS else {},
            }
            about = {"arm": arm, "seconds": spent, "settings": settings}
            write(f"{prefix}-{arm}", {**about, "accuracy": scores}, told=False)
        for shots, found in scores.items():
            print(f"{arm} {shots}-shot {100 * np.mean(found):.2f}", flush=True)
    compare(prefix)


def read(folder: Path) -> tuple[list[str], Array]:
    """Read the texts and labels of both files."""
    rows = []
    for name in ("train.csv", "test.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([row["category"] for row in rows])


def chosen(texts: list[str], labels: Array, classes: Array) -> Rows:
    """Keep the rows of some classes."""
    kept = np.flatnonzero(np.isin(labels, classes))
    return Rows.of({"text": [texts[i] for i in kept], "label": labels[kept].tolist()})


def encode(rows: Rows, tokenizer: Any) -> tuple[Codec, Items]:
    """Encode rows as a run does; give the codec too."""
    task = TextClassification(TextClassification.Options())
    codec = task.codec(task.learn_target(rows), tokenizer, Limits(MAX_TOKENS))
    return codec, codec.encode(rows)


def train_arm(arm: str, tokenizer: Any, rows: Rows, options: argparse.Namespace) -> Any:
    """Train one arm on the rows to learn from; give its body, without a head."""
    codec, items = encode(rows, tokenizer)
    model = build_model(
        MINILM,
        tokenizer=tokenizer,
        labels=codec.target.names,
        problem_type=codec.task.problem_type,
        pooling="mean",
        head_dropout=0.0,
        seed=options.seed,
    )
    if arm in ARMS:
        name, own = ARMS[arm]
        method = find("methods", name)
        changed = {**TRAINING, **options.training}
        training = Training(seed=options.seed, use_cpu=True, eval_strategy="no", **changed)
        none, gold = rows.take([]), codec.gold(rows)
        splits = Splits(rows, none, none)
        encoded = {"train": items, "validation": codec.encode(none)}
        job = Job(
            Problem(codec, splits, encoded, {"train": gold, "validation": codec.gold(none)}),
            Session(lambda pretrained: model),
            Plan(training, codec.objective(gold, label_smoothing=0.0)),
        )
        fitting = method(method.Options(**{**own, **options.options})).fit(model, job)
        model = follow(fitting, tell)
    take_head_off(model)
    return model.eval()


def tell(info: Any) -> None:
    """Print what a training says of itself."""
    if info.loss is not None or info.message is not None:
        loss = "" if info.loss is None else f"loss {info.loss:.4f}"
        print(f"{info.phase} {info.step}/{info.n_steps} {loss} {info.message or ''}", flush=True)


def judge(
    arm: str, body: Any, tokenizer: Any, rows: Rows, options: argparse.Namespace
) -> Iterator[Scores]:
    """Ask an arm all episodes; give the accuracy of each, by shots, ever more of them."""
    codec, items = encode(rows, tokenizer)
    asked = features = None
    if arm in ARMS and ARMS[arm][0] == "maml":
        made = find("methods", "maml").Options
        asked = made(**{**ARMS[arm][1], **options.options})
    if asked is None or asked.anil:  # the body stands still, so every text is read once
        read_all = infer_items(body, items, codec, batch_size=64)
        features = torch.from_numpy(follow(read_all, lambda info: None))
        if arm == "frozen-cosine":
            features = torch.nn.functional.normalize(features)
    drawn = {}
    for shots in SHOTS:
        shape = Shape(WAYS, shots, QUERIES)
        drawn[shots] = sample_episodes(
            items.target_array, shape, options.episodes, seed=options.seed
        )
    gold = np.repeat(np.arange(WAYS), QUERIES)

    def judged(shots: int, number: int) -> float:
        chosen = drawn[shots][number]
        if features is None:
            batch = to_tensors(codec.batch(items, chosen.reshape(-1), kind="logits"))
            with torch.no_grad():
                episode = Episode(dict(batch.inputs), Shape(WAYS, shots, QUERIES))
                logits = judge_after_steps(body, episode, options=asked)
        else:
            logits = judge_features(features[torch.from_numpy(chosen)], shots, asked)
        return float((logits.argmax(dim=-1).numpy() == gold).mean())

    scores: Scores = {str(shots): [] for shots in SHOTS}
    asked_for = [(shots, number) for number in range(options.episodes) for shots in SHOTS]
    workers = options.workers if features is None else 1
    for (shots, number), score in zip(asked_for, spread(judged, asked_for, workers), strict=True):
        scores[str(shots)].append(score)
        if number % 20 == 19 and shots == SHOTS[-1]:
            yield scores
    yield scores


def spread(
    work: Callable[..., float], asked: list[tuple[int, int]], workers: int
) -> Iterator[float]:
    """Do work in this process, or in copies of it that share the trained model."""
    if workers == 1:
        yield from (work(*one) for one in asked)
        return
    WORK.append(work)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        yield from pool.imap(do_work, asked, chunksize=2)
    WORK.pop()


def do_work(asked: tuple[int, int]) -> float:
    """Do the work that the copies were made for."""
    return WORK[-1](*asked)


def judge_features(features: torch.Tensor, shots: int, asked: Any) -> torch.Tensor:
    """Answer an episode from features (ways, shots + queries, width), by a head alone."""
    support, query = features[:, :shots].flatten(0, 1), features[:, shots:].flatten(0, 1)
    classes = torch.arange(len(features)).repeat_interleave(shots)
    begin, temperature = "prototypes", None
    if asked is not None:
        begin, temperature = asked.head, asked.temperature
    head = begin_head(support, classes, len(features), begin=begin, temperature=temperature)
    if asked is not None:
        steps = [({"features": support}, classes)] * asked.inner_steps
        rate = asked.inner_learning_rate
        _, head, _ = descend(stored_features, {}, head, steps, rate=rate, second_order=False)
    return head(query)


def compare(prefix: str) -> None:
    """Set all arms that were measured beside the frozen ones, episode by episode."""
    found = {}
    for arm in (*FROZEN, *ARMS):
        path = FOLDER / f"{prefix}-{arm}.json"
        if path.is_file():
            found[arm] = json.loads(path.read_text(encoding="utf-8"))["accuracy"]
    summary: dict[str, Any] = {}
    for shots in map(str, SHOTS):
        for arm, scores in found.items():
            told = {"accuracy": interval(scores[shots])}
            for frozen in FROZEN:
                if frozen in found and frozen != arm:
                    pairs = zip(scores[shots], found[frozen][shots], strict=False)
                    told[f"minus {frozen}"] = interval([one - other for one, other in pairs])
            summary[f"{shots}-shot {arm}"] = told
            words = "  ".join(
                f"{name} {mean:+.2f} ({low:+.2f} to {high:+.2f})"
                for name, (mean, low, high) in told.items()
            )
            print(f"{shots}-shot {arm:22} {words}")
    write(prefix, summary)


def interval(values: list[float]) -> tuple[float, ...]:
    """Give the mean over episodes in per cent, and the ends of its 95 % interval."""
    mean, ends = mean_and_interval([100 * one for one in values])
    return (mean, *(ends or (mean, mean)))
