"""Planted truths, and tables of numbers and categories beside gradient boosting."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import luthier

N_DRAWS, N_ROWS = 20, 300
NOISE = 0.05  # share of labels that are the other one


def planted(asked: argparse.Namespace) -> dict[str, Any]:
    """Ask whether each input adds, where the truth is known."""
    right: dict[str, list[bool]] = {name: [] for name in ("exclusive or", "irrelevant", "copy")}
    asked.out.mkdir(parents=True, exist_ok=True)
    for seed in range(N_DRAWS):
        for name, so_far in right.items():
            path = asked.out / f"{name} {seed}.csv"
            pd.DataFrame(draw(name, seed)).to_csv(path, index=False)
            made = recipe({"first": "number", "second": "number"}, {"train": str(path)})
            study = luthier.modalities(made, n_seeds=2, out=asked.out / f"{name} {seed}")
            said = study.sentences[1]
            adds = said.startswith("second adds something")
            so_far.append(adds == (name == "exclusive or"))
            print(name, seed, so_far[-1], said, flush=True)
    found = {name: [sum(one), len(one)] for name, one in right.items()}
    print(found, flush=True)
    return found


def draw(name: str, seed: int) -> list[dict[str, Any]]:
    """Draw rows of two numbers and a label."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, N_ROWS))
    if name == "copy":
        second = first
    is_yes = (first > 0) ^ (second > 0) if name == "exclusive or" else first > 0
    is_yes ^= random.random(N_ROWS) < NOISE
    return [
        {"first": float(a), "second": float(b), "label": "yes" if c else "no"}
        for a, b, c in zip(first, second, is_yes, strict=True)
    ]


def recipe(inputs: dict[str, str], data: dict[str, Any], *, task: str = "classification") -> Any:
    """Write a recipe for a table."""
    return {
        "model": "none",
        "task": {"name": f"multimodal-{task}", "options": {"inputs": inputs, "joint_width": 64}},
        "data": data,
        "training": {
            "num_train_epochs": 30,
            "learning_rate": 3e-4,
            "per_device_train_batch_size": 32,
        },
        "evaluation": {"explained_rows": 0, "n_resamples": 1000},
        "baselines": [],
    }


def tables(asked: argparse.Namespace) -> dict[str, Any]:
    """Judge tables by folds, and boosting on the same number of folds."""
    import statsmodels.api as sm

    sugar = load_diabetes(as_frame=True).frame
    fair = sm.datasets.fair.load_pandas().data
    fair["strayed"] = np.where(fair.pop("affairs") > 0, "yes", "no")
    kinds = ("occupation", "occupation_husb")
    for name in kinds:
        fair[name] = fair[name].astype(int).astype(str)
    found = {}
    for name, frame, gold, task in (
        ("diabetes", sugar, "target", "regression"),
        ("fair", fair, "strayed", "classification"),
    ):
        roles = {
            one: "category" if one in kinds else "number" for one in frame.columns if one != gold
        }
        path = asked.out / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False)
        data = {"train": str(path), "columns": {"label": gold}, "split": {"n_folds": 5}}
        done = luthier.run(recipe(roles, data, task=task), out=asked.out / name)
        scores = {key: str(one) for key, one in done.scores["fine-tuned"].items()}
        found[name] = {"luthier": scores, "boosting": boosting(frame, gold, roles)}
        print(name, found[name], flush=True)
    return found


def boosting(frame: Any, gold: str, roles: dict[str, str]) -> dict[str, float]:
    """Score gradient boosting with its usual settings, by five folds."""
    categories = [name for name, kind in roles.items() if kind == "category"]
    is_number = frame[gold].dtype.kind == "f"
    made = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
    coded = make_column_transformer((OrdinalEncoder(), categories), remainder="passthrough")
    model = make_pipeline(coded, made(random_state=0))
    folds = KFold(5, shuffle=True, random_state=0)
    said = cross_val_predict(model, frame[list(roles)], frame[gold], cv=folds)
    if not is_number:
        return {"accuracy": float((said == frame[gold]).mean())}
    error = said - frame[gold]
    return {
        "mae": float(error.abs().mean()),
        "rmse": float((error**2).mean() ** 0.5),
        "r2": float(1 - (error**2).sum() / ((frame[gold] - frame[gold].mean()) ** 2).sum()),
        "pearson": float(np.corrcoef(said, frame[gold])[0, 1]),
    }
