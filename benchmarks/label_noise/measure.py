"""Whether labels that were made wrong on purpose are found, and what correcting them gains.

python -m benchmarks label-noise --data FOLDER
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.models import MINILM
from benchmarks.processes import write
from luthier.build_problem import make_codec
from luthier.label_noise.judge import one_label
from luthier.label_noise.out_of_fold import STRENGTH, folds_of
from luthier.metrics.intervals import interval, resamples
from luthier.models_of_rows import FrozenModel
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.records import Rows

N_TRAIN, N_TEST, N_FOLDS = 3000, 1000, 5
SHARES = (0.0, 0.05, 0.10, 0.20)
Row = tuple[str, str]  # text, label


def phrasebank(data: Path) -> list[Row]:
    """Read sentences of financial news."""
    source = data / "financial-phrasebank" / "Sentences_50Agree.txt"
    lines = [line.rpartition("@") for line in source.read_text("latin-1").splitlines()]
    return list({text: label for text, _, label in lines}.items())


def banking77(data: Path) -> list[Row]:
    """Read bank customers' questions."""
    rows: dict[str, str] = {}
    for split in ("train", "test"):
        with (data / "banking77" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows |= {row["text"]: row["category"] for row in csv.DictReader(file)}
    return list(rows.items())


PROBLEMS: dict[str, Callable[[Path], list[Row]]] = {
    "phrasebank": phrasebank,
    "banking77": banking77,
}


def planted(labels: Sequence[str], share: float, seed: int) -> list[str]:
    """Replace a share of the labels by another, drawn uniformly."""
    random, names = np.random.default_rng(seed), sorted(set(labels))
    wrong = set(random.permutation(len(labels))[: round(share * len(labels))].tolist())
    return [
        str(random.choice([name for name in names if name != label])) if row in wrong else label
        for row, label in enumerate(labels)
    ]


def difference(one: Array, other: Array) -> tuple[float, float, float]:
    """Subtract accuracies on the same rows, in points, with the bootstrap's interval."""
    each = 100 * (one.astype(float) - other.astype(float))
    drawn = [
        float(weights @ each) / len(each)
        for weights in resamples(len(each), n_resamples=2000, seed=0)
    ]
    return (float(each.mean()), *interval(np.array(drawn), confidence=0.95))


def measure(name: str, data: Path, n_seeds: int) -> list[dict[str, Any]]:
    """Plant each share of noise, look for it, correct it and train again."""
    rows = PROBLEMS[name](data)
    rows = [rows[at] for at in np.random.default_rng(0).permutation(len(rows))[: N_TRAIN + N_TEST]]
    texts, labels = ([row[at] for row in rows] for at in (0, 1))
    clean = Rows.of({"text": texts, "label": labels})
    recipe, task, codec, model = opened(clean)
    test, true_ids = np.arange(N_TRAIN, len(rows)), codec.gold(clean)

    def outputs(learned: Array, judged: Array, given: Sequence[str]) -> Array:
        """Answer rows by a head that learned the labels that were given."""
        as_given = Rows.of({"text": texts, "label": [*given, *labels[N_TRAIN:]]})
        return np.asarray(model.fit(as_given.take(learned))(as_given.take(judged)))

    def right(kept: Array, given: Sequence[str]) -> Array:
        return np.asarray(outputs(kept, test, given).argmax(axis=1) == true_ids[N_TRAIN:])

    found = []
    for share in SHARES:
        for seed in range(n_seeds if share else 1):
            given = planted(labels[:N_TRAIN], share, seed)
            noisy = Rows.of({"text": texts[:N_TRAIN], "label": given})
            folds = folds_of(recipe, task, noisy, N_FOLDS)
            parts = []
            for fold in range(N_FOLDS):
                judged, learned = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
                parts.append((judged, outputs(learned, judged, given)))
            judged_rows = one_label(codec, noisy, parts)
            found.append({"data": name, "share": share, "seed": seed})
            found[-1] |= scores(judged_rows, np.array(given), np.array(labels[:N_TRAIN]), right)
            print(found[-1], flush=True)
    return found


def opened(rows: Rows) -> tuple[Any, Any, Any, FrozenModel]:
    """Give recipe, task, codec and the model, which reads each row once."""
    recipe = read_recipe(
        {
            "model": MINILM,
            "task": "text-classification",
            "data": {"train": "memory:train", "max_tokens": 64},
            "training": {"use_cpu": True},
        }
    )
    task = make_plugin("tasks", recipe.task)
    codec = make_codec(recipe, task, task.learn_target(rows))
    return recipe, task, codec, FrozenModel(recipe, codec, lambda info: None, strength=STRENGTH)


def clean_draws(name: str, data: Path, n_draws: int) -> dict[str, Any]:
    """Leave the list of untouched rows out, in several draws of training and test rows."""
    read = PROBLEMS[name](data)
    rows = Rows.of({"text": [text for text, _ in read], "label": [label for _, label in read]})
    recipe, task, codec, model = opened(rows)
    lost = []
    for draw in range(1, n_draws + 1):  # 0 is the draw of `measure`
        order = np.random.default_rng(draw).permutation(len(rows))
        train, test = rows.take(order[:N_TRAIN]), rows.take(order[N_TRAIN : N_TRAIN + N_TEST])
        folds, parts = folds_of(recipe, task, train, N_FOLDS), []
        for fold in range(N_FOLDS):
            judged = np.flatnonzero(folds == fold)
            outputs_of = model.fit(train.take(np.flatnonzero(folds != fold)))
            parts.append((judged, np.asarray(outputs_of(train.take(judged)))))
        is_suspect, gold = one_label(codec, train, parts).is_suspect, codec.gold(test)
        kept = train.take(np.flatnonzero(~is_suspect))
        before, after = (
            float((np.asarray(model.fit(one)(test)).argmax(axis=1) == gold).mean())
            for one in (train, kept)
        )
        lost.append(100 * (after - before))
        print(name, draw, f"{is_suspect.mean():.3f} listed, {lost[-1]:+.1f} points", flush=True)
    mean, error = float(np.mean(lost)), float(np.std(lost, ddof=1) / np.sqrt(n_draws))
    return {"data": name, "left out": mean, "standard error": error, "draws": lost}


def scores(
    judged: Any, given: Array, true: Array, right: Callable[[Array, Sequence[str]], Array]
) -> dict[str, Any]:
    """Score the list against what was planted, and train with what comes of it."""
    wrong, everyone = given != true, np.arange(len(given))
    order, n_wrong = np.argsort(judged.quality, kind="stable"), int(wrong.sum())
    before = right(everyone, given.tolist())
    left_out = right(np.flatnonzero(~judged.is_suspect), given.tolist())
    made = {
        "estimated": judged.share,
        "listed": float(judged.is_suspect.mean()),
        "untouched listed": float(judged.is_suspect[~wrong].mean()),
        "accuracy": float(before.mean()),
        "left out": difference(left_out, before),
    }
    if n_wrong == 0:
        return made
    corrected = given.copy()
    corrected[order[:n_wrong]] = true[order[:n_wrong]]
    return made | {
        "auc": float(roc_auc_score(wrong, -judged.quality)),
        "precision": float(wrong[order[:n_wrong]].mean()),
        "recall of the list": float(judged.is_suspect[wrong].mean()),
        "corrected": difference(right(everyone, corrected.tolist()), before),
    }


def main() -> None:
    """Measure every problem."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--problem", choices=PROBLEMS, action="append")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--clean-draws", type=int, default=0, help="only leave out, this often")
    options = asked.parse_args()
    if options.clean_draws:
        names = options.problem or PROBLEMS
        draws = [clean_draws(name, options.data, options.clean_draws) for name in names]
        write("label-noise-clean", {"found": draws})
        return
    found = [
        one
        for name in options.problem or PROBLEMS
        for one in measure(name, options.data, options.seeds)
    ]
    write("label-noise", {"found": found})


if __name__ == "__main__":
    main()
