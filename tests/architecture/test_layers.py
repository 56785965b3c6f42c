"""Imports point strictly down, inside functions too, and plug-ins never import plug-ins."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import FILES, ROOT, Import, imports, imports_of, relative, unit_of

# Bottom to top. A unit imports only units of rows above it in this list, and its own files.
LAYERS = (
    {
        "errors",
        "ragged",
        "objective",
        "hf_types",
        "declarations",
        "spreadsheets",
        "surrogates",
        "ranks",
        "rejection",
    },
    {
        "clusters",
        "items",
        "modes",
        "records",
        "results",
        "registry",
        "remembered",
        "seeding",
        "environment",
        "process",
        "signals",
        "paths",
    },
    {
        *("arguments", "columns", "media", "explanation", "query", "recipe", "padding"),
        *("distributed", "launch", "reported"),
    },
    {"codec"},
    {"answerers", "job"},
    {"protocols"},
    {"runs", "engines", "submission"},
    {"data", "text", "models", "metrics", "onnx_models", "tracking"},
    {"training", "formats", "inputs", "next_rows"},
    {
        *("adapters", "annotators", "episodes", "task_types", "frozen_features"),
        *("reading", "shapes"),
    },
    {
        *("tasks", "methods", "baselines", "explainers", "regularisers", "queries", "augmenters"),
        *("keras_engine", "sources", "weak_labels"),
    },
    {"evaluation", "report", "load_splits"},
    {
        *("build_problem", "cross_validation", "domains", "expected_cost", "explaining"),
        *("first_recipe", "rejecting", "rows_of_run"),
    },
    {"models_of_rows", "pipeline", "prediction"},
    {
        *("annotators_of_file", "studies", "exporters", "evaluate_run", "explain_run"),
        *("inspect_data", "labelling", "serving"),
    },
    {"backends", "budget", "explanations_of_run", "label_noise", "rehearsal", "sklearn"},
    {"cli"},
    {"__main__"},
)
LAYER_OF = {unit: number for number, units in enumerate(LAYERS) for unit in units}
PLUGINS = {
    *("tasks", "methods", "baselines", "explainers", "regularisers", "queries", "augmenters"),
}
ROOT_NAMES = {"luthier", "luthier.__version__"}


def faults(found: list[Import]) -> list[str]:
    """Say which imports do not point down."""
    wrong = []
    for one in found:
        unit = unit_of(one.path)
        if one.module in ROOT_NAMES or unit == "__init__":
            continue
        if not one.module.startswith("luthier."):
            continue
        other = one.module.split(".")[1]
        same_plugin = unit in PLUGINS and one.module == module_of(one.path)
        if other == unit and (unit not in PLUGINS or same_plugin):
            continue
        if other == unit or LAYER_OF.get(other, 99) >= LAYER_OF[unit]:
            wrong.append(str(one))
    return wrong


def module_of(path: Path) -> str:
    """Write a file's dotted name."""
    return "luthier." + relative(path).removesuffix(".py").replace("/", ".")


def test_every_unit_has_a_layer():
    units = {unit_of(path) for path in FILES} - {"__init__"}
    assert units == set(LAYER_OF)


def test_imports_point_strictly_down():
    assert faults(list(imports())) == []


def test_the_root_imports_for_types_alone():
    root = [one for one in imports() if unit_of(one.path) == "__init__"]
    inner = [one for one in root if one.module.startswith("luthier")]
    assert inner
    assert all(one.is_for_types for one in inner)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (
            "data/readers/read.py",
            "from luthier.recipe.tree import Recipe\nfrom luthier.models import load",
        ),
        ("tasks/text_regression.py", "from luthier.tasks.text_classification import anything"),
        ("tasks/text_regression.py", "def f():\n    from luthier.methods.lora import Lora"),
        ("data/readers/read.py", "from luthier import pipeline"),
        ("data/readers/read.py", "from .answers import read_answer"),
        ("runs.py", "if TYPE_CHECKING:\n    from luthier.pipeline import run"),
    ],
)
def test_an_import_upwards_or_sideways_is_seen(file, line):
    path = ROOT / "src" / "luthier" / file
    assert faults(list(imports_of(path, ast.parse(line))))


def test_the_layers_in_the_docs_are_these():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in text.splitlines() if line.startswith("| ")]
    documented = {
        int(number): set(re.findall("`(.+?)`", units))
        for number, units in rows
        if number.strip().isdigit()
    }
    assert documented == dict(enumerate(LAYERS))
