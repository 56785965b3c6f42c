"""A run folder made up by hand, as the tests of the report need it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from luthier.recipe.tree import Recipe
from luthier.records import StepInfo
from luthier.results import Finding
from luthier.runs import RunFolder
from tests.seals import without_seal

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}'`</style>"
TEXT = "The film was long"
LABELS = ("bad", "fine", "good")
METRICS = ("accuracy", "macro_f1", "log_loss")
SYSTEMS = ("fine-tuned", "majority", "tfidf-linear")


def fake_run(
    path: Path,
    *,
    labels: tuple[str, ...] = LABELS,
    text: str = TEXT,
    n_mistakes: int = 6,
    without: tuple[str, ...] = (),
    model: bool = True,
) -> Path:
    """Write a run of text classification; `without` names the documents to leave out."""
    recipe = Recipe.model_validate(
        {
            "model": "tiny/bert",
            "task": "text-classification",
            "data": {"train": "reviews.csv", "columns": {"text": text, "label": "stars"}},
        }
    )
    run = RunFolder.create(path, recipe)
    documents = {
        "target": {"kind": "single-label", "names": labels, "thresholds": None},
        "data": fake_data(labels, text),
        "adaptation": {"model": "../adapted/0123456789ab/model", "new_words": []},
        "also": {"old.csv": {"scores": {}, "comparisons": [], "told": "kept: 81.2 % before"}},
        "scores": fake_scores(),
        "comparison": fake_comparison(),
        "panels": fake_panels(labels, text, n_mistakes),
        "environment": fake_environment(),
        "autotune": {
            "fine-tuning": {
                "threads": 2,
                "bf16": True,
                "rates": {"2 x float32": 70.5, "2 x bfloat16": 140.25},
            }
        },
    }
    for name, content in documents.items():
        if name not in without:
            run.write_json(name, content)
    if "events" not in without:
        for step in range(1, 21):
            scores = {"accuracy": 0.5 + step / 50} if step % 10 == 0 else None
            run.events.append(
                StepInfo("fine-tuning", step, 20, loss=1 / step, scores=scores, is_best=step == 20)
            )
    if model:
        run.model.mkdir()
    run.finish()
    without_seal(run.path)  # tests change its documents
    return run.path


def fake_data(labels: tuple[str, ...], text: str) -> dict[str, Any]:
    """Make up data.json, with a leak."""
    split = {"files": ["/home/ada/reviews.csv"], "sha256": "ab" * 32}
    leak = Finding(
        "duplicate-across-splits",
        "warning",
        f"3 rows of the test set also stand in train: {text}",
        3,
        ("/home/ada/reviews.csv:7:text",),
        "data.drop_leaks=true",
    )
    return {
        "splits": {
            "train": {
                **split,
                "rows": 900,
                "made": f"the other rows of {text}",
                "labels": dict.fromkeys(labels, 30),
            },
            "validation": {**split, "rows": 100, "made": "100 rows", "labels": None},
            "test": {**split, "rows": 300, "made": "300 rows", "labels": None},
        },
        "reading": ["reviews.csv: encoding utf-8"],
        "findings": [leak],
        "tokens": {
            "train": {
                "mean": 21.5,
                "max": 80,
                "cut_rows": 0,
                "cut_tokens_share": 0.0,
                "histogram": {"edges": [0, 20, 40, 80], "counts": [500, 300, 100]},
            }
        },
    }


def fake_scores() -> dict[str, Any]:
    """Make up scores.json; one metric is not defined for one system."""
    scores: dict[str, Any] = {
        system: {
            metric: {"value": 0.8 - i / 10, "low": 0.7 - i / 10, "high": 0.9 - i / 10, "n": 300}
            for metric in METRICS
        }
        for i, system in enumerate(SYSTEMS)
    }
    scores["majority"]["log_loss"] = {"value": None, "low": None, "high": None, "n": 300}
    return scores


def fake_comparison() -> dict[str, Any]:
    """Make up comparison.json: one baseline beaten, the other not."""
    common = {
        "system": "fine-tuned",
        "metric": "accuracy",
        "low": 0.01,
        "high": 0.2,
        "p_value": 0.01,
        "p_adjusted": 0.02,
        "test": "McNemar's exact test",
        "n": 300,
        "n_needed": None,
    }
    return {
        "main_metric": "accuracy",
        "validation_metric": "accuracy",
        "system": "fine-tuned",
        "confidence": 0.95,
        "n_resamples": 1000,
        "comparisons": [
            {
                **common,
                "baseline": "majority",
                "difference": 0.1,
                "verdict": "better than majority by 10.0 points of accuracy, p = 0.02",
            },
            {
                **common,
                "baseline": "tfidf-linear",
                "difference": 0.02,
                "verdict": "not distinguishable from tfidf-linear (2.0 points of accuracy, "
                "p = 0.43): about 4,400 rows would be needed",
            },
        ],
    }


def fake_panels(labels: tuple[str, ...], text: str, n_mistakes: int) -> dict[str, Any]:
    """Make up panels.json; the first label has no test rows."""
    old = fake_analysis(labels, text, n_mistakes)
    n_labels = len(labels)
    mistakes = {"kind": old["kind"], "rows": old["mistakes"], "n_wrong": n_labels * (n_labels - 1)}
    mistakes["n_wrong"] -= n_labels - 1  # those of the first label
    return {
        "panels": [
            {"kind": kind, "heading": heading, "data": data}
            for kind, heading, data in (
                ("confusion", "Confusion", {"labels": labels, "table": old["confusion"]}),
                ("calibration", "Calibration", old["calibration"]),
                ("labels", "Label by label", old["per_label"]),
                ("slices", "Parts of the test set", old["slices"]),
                ("mistakes", "Mistakes", mistakes),
            )
        ]
    }


def make_old(folder: Path, labels: tuple[str, ...] = LABELS, text: str = TEXT) -> Path:
    """Give a run the files and keys that versions before 0.2 wrote."""
    analysis = fake_analysis(labels, text, 6)
    (folder / "panels.json").unlink()
    (folder / "analysis.json").write_text(json.dumps(analysis), encoding="utf-8")
    (folder / "autotune.json").rename(folder / "calibration.json")
    comparison = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    comparison["watched_metric"] = comparison.pop("validation_metric")
    (folder / "comparison.json").write_text(json.dumps(comparison), encoding="utf-8")
    return folder


def panel(folder: Path, kind: str) -> Any:
    """Give the data of a run's panel."""
    panels = RunFolder(folder).read_json("panels")["panels"]
    return next((one["data"] for one in panels if one["kind"] == kind), None)


def set_panels(folder: Path, **data: Any) -> None:
    """Replace a run's panels of these kinds (None: leave them out), and put new ones at the end."""
    run = RunFolder(folder)
    panels = {one["kind"]: one for one in run.read_json("panels")["panels"]}
    for kind, content in data.items():
        panels[kind] = {"kind": kind, "heading": "", "data": content}
        if content is None:
            del panels[kind]
    run.write_json("panels", {"panels": list(panels.values())})


def fake_analysis(labels: tuple[str, ...], text: str, n_mistakes: int) -> dict[str, Any]:
    """Make up the analysis.json of a version before 0.2; the first label has no test rows."""
    bins = [
        {"low": 0.0, "high": 0.5, "confidence": None, "accuracy": None, "count": 0},
        {"low": 0.5, "high": 1.0, "confidence": 0.8, "accuracy": 0.7, "count": 300},
    ]
    unknown = {"precision": None, "recall": None, "f1": None, "low": None, "high": None}
    known = {"precision": 0.8, "recall": 0.7, "f1": 0.75, "low": 0.6, "high": 0.8}
    return {
        "kind": "single-label",
        "labels": labels,
        "confusion": [
            [(i != 0) * (9 if i == j else 1) for j in range(len(labels))]
            for i in range(len(labels))
        ],
        "per_label": [
            {"label": label, **(known if i else unknown), "support": i * 30}
            for i, label in enumerate(labels)
        ],
        "calibration": {
            "temperature": 1.3,
            "fitted_on": 100,
            "before": {"ece": 0.1, "bins": bins},
            "after": {"ece": 0.05, "bins": bins},
        },
        "slices": [
            {"by": "length", "value": "1–9 tokens", "n": 100, "metric": "accuracy", **SLICE},
            {"by": text, "value": text, "n": 2, "metric": "accuracy", **dict.fromkeys(SLICE)},
        ],
        "mistakes": [
            {
                "index": i,
                "where": f"/home/ada/reviews.csv:{i + 2}",
                "text": f"{text} {i}",
                "gold": labels[0],
                "answer": labels[-1],
                "confidence": 0.9 - i / 1000,
            }
            for i in range(n_mistakes)
        ],
        "scatter": None,
    }


SLICE = {"score": 0.8, "low": 0.7, "high": 0.9}


def fake_environment() -> dict[str, Any]:
    """Make up environment.json."""
    return {
        "luthier": "0.1.0",
        "python": "3.12.1",
        "platform": "Linux",
        "cpu": "a CPU",
        "cores": 2,
        "memory_gib": 8.0,
        "gpu": None,
        "packages": {"torch": "2.13.0", "transformers": "5.23.0"},
        "command": "luthier run reviews.yaml",
        "started": "2026-11-23T18:37:13+00:00",
        "seconds": 61.0,
        "parameters": {"total": 1000, "trained": 900},
        "peak_memory_mib": 512.5,
        "phases": {"fine-tuning": 40.0, "baselines": 20.0},
    }


def explained(texts: dict[str, str], name: str, **more: Any) -> dict[str, Any]:
    """Make up an explanation, as `Explanation.to_json` writes it: every other word speaks for it.

    Args:
        texts: Column to its text.
        name: What was decided.
        more: Fields that are otherwise.
    """
    words = [
        {"role": role, "start": found.start(), "end": found.end(), "word": found[0]}
        for role, text in texts.items()
        for found in re.finditer(r"\w+|[^\w\s]", text)
    ]
    for number, word in enumerate(words):
        word["value"] = (-1) ** number * 2.0 / (1 + number)
    return {
        "row": "/home/ada/rows.csv:7",
        "predicted": name,
        "gold": None,
        "explained": name,
        "span": None,
        "by": "integrated-gradients",
        "replaced_by": "[MASK]",
        "is_number": False,
        "score": 0.5 + sum(word["value"] for word in words),
        "reference": 0.5,
        "error": 0.0042,
        "probability": 0.93,
        "texts": texts,
        "words": words,
        "notes": [],
        "neighbours": [],
        "influential": [],
        **more,
    }
