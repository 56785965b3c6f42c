"""Runs of a study that are made at once are those made one after the other."""

from __future__ import annotations

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file

import luthier
from luthier.studies.workers import Workers
from tests.toys import toy_rows, toy_tree, write_csv


@pytest.fixture(scope="module")
def recipe(tiny_model, tmp_path_factory):
    """Write a recipe of one epoch and its data."""
    folder = tmp_path_factory.mktemp("jobs")
    write_csv(toy_rows("text-classification"), folder / "rows.csv")
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=["majority"])
    tree["data"]["train"] = "rows.csv"
    tree["training"]["num_train_epochs"] = 1
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    tree["model"]["name"] = "nowhere/missing.safetensors"
    (folder / "broken.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    return folder / "recipe.yaml"


def test_a_study_finds_the_same_however_many_runs_are_made_at_once(recipe, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = {}
    broken = recipe.parent / "broken.yaml"
    for jobs in (1, 2):
        out = recipe.parent / f"jobs-{jobs}"
        luthier.seeds(recipe, n_seeds=2, against=broken, out=out, keep_models=True, jobs=jobs)
        found[jobs] = json.loads((out / "study.json").read_text(encoding="utf-8"))
    costs = ("seconds", "peak_memory_mib")
    one, two = (json.dumps(_without(found[jobs], costs), sort_keys=True) for jobs in (1, 2))
    assert one.replace("jobs-1", "jobs-2") == two
    assert len(found[2]["failures"]) == 2
    for seed in (0, 1):
        models = [
            load_file(recipe.parent / f"jobs-{n}/cells/recipe-seed{seed}/model/model.safetensors")
            for n in (1, 2)
        ]
        assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_study_finds_the_same_on_ray(recipe, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    broken = recipe.parent / "broken.yaml"
    found = {}
    for name, jobs in (("here", 1), ("rays", Workers("ray", 2))):
        out = recipe.parent / name
        luthier.seeds(recipe, n_seeds=2, against=broken, out=out, keep_models=True, jobs=jobs)
        found[name] = json.loads((out / "study.json").read_text(encoding="utf-8"))
    costs = ("seconds", "peak_memory_mib")
    here, rays = (json.dumps(_without(one, costs), sort_keys=True) for one in found.values())
    assert here.replace("/here", "/rays") == rays
    for seed in (0, 1):
        models = [
            load_file(recipe.parent / f"{name}/cells/recipe-seed{seed}/model/model.safetensors")
            for name in found
        ]
        assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def _without(tree, names):
    """Leave out what depends on the clock."""
    if isinstance(tree, dict):
        return {name: _without(one, names) for name, one in tree.items() if name not in names}
    return [_without(one, names) for one in tree] if isinstance(tree, list) else tree
