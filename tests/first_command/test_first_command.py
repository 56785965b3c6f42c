"""What `init` writes, `run` accepts: every shape goes from `init` to `evaluate`."""

from __future__ import annotations

import os
from typing import Any

import pytest
from typer.testing import CliRunner

from luthier.cli.app import app
from luthier.recipe.load import read_recipe
from luthier.registry import find
from luthier.runs import RunFolder
from tests.first_command.shapes import CASES, Case

FAMILIES = {"AutoModelForSeq2SeqLM": "t5", "AutoModelForCausalLM": "gpt2"}
QUICK = ("training.max_steps=2", "training.use_cpu=true", "baselines=[]")


def call(*arguments: object) -> str:
    """Run a command, which has to succeed; return what it said."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{arguments}\n{result.output}\n{result.exception!r}"
    return result.output


def model_for(task: str, tiny_model: Any) -> Any:
    """Give a tiny model that can learn a task."""
    family = FAMILIES.get(find("tasks", task).auto_model, "bert")
    head = {"masked-lm": "MaskedLM", "causal-lm": "CausalLM"}.get(task)
    return tiny_model(family, head)


def proposed(case: Case, recipe: Any) -> dict[str, Any]:
    """Look up the fields of a recipe that a case names."""
    tree: Any = recipe.model_dump(mode="json")
    found = {}
    for path in case.fields:
        here = tree
        for part in path.split("."):
            here = here.get(part)
        found[path] = os.path.relpath(here) if isinstance(here, str) and "/" in here else here
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_init_writes_is_run_predicted_and_evaluated(name, tiny_model, tmp_path, monkeypatch):
    case = CASES[name]
    monkeypatch.chdir(tmp_path)
    source = case.write(tmp_path).relative_to(tmp_path)
    assert case.says in call("init", source, *case.arguments)
    recipe = read_recipe("recipe.yaml")
    assert recipe.task.name == case.task
    assert case.columns is None or recipe.data.columns == case.columns
    assert proposed(case, recipe) == case.fields
    call("inspect", "recipe.yaml")
    model = model_for(case.task, tiny_model)
    call("run", "recipe.yaml", "--quiet", "--out", "run", f"model={model}", *QUICK)
    if case.labels is not None:
        assert RunFolder.open("run").target().names == tuple(case.labels)
    asked = case.asked or source
    call("predict", "run", "--file", asked, "--out", "answers.jsonl")
    assert "rows of" in call("evaluate", "run", "--data", asked)
