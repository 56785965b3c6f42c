"""What is light to import stays light: told by the modules loaded, not by a clock."""

import importlib.util
import subprocess
import sys

import pytest

import luthier
from luthier.registry import CATALOGUE
from tests.architecture.source import PACKAGE, loaded_by

ENGINES = {"torch", "transformers", "datasets", "accelerate", "peft", "sklearn", "tensorflow"}
NUMBERS = {"numpy", "scipy", "pandas", "pyarrow", "matplotlib"}


def modules_in(folder):
    """Name all modules of a unit."""
    return [f"luthier.{folder}.{path.stem}" for path in sorted((PACKAGE / folder).glob("*.py"))]


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import luthier", ENGINES | NUMBERS | {"pydantic", "typer", "rich", "yaml"}),
        ("import luthier.cli.app", ENGINES | NUMBERS | {"pydantic"}),
        ("from luthier import Recipe; import luthier.recipe.load", ENGINES | NUMBERS),
        ("import luthier.runs", ENGINES | {"scipy", "pandas", "pyarrow", "matplotlib"}),
        ("import luthier.records, luthier.protocols", ENGINES),
        (
            "import luthier.prediction",
            {"peft", "datasets", "sklearn", "tensorflow", "pandas", "matplotlib"},
        ),
    ],
)
def test_an_import_stays_light(statement, unwanted):
    assert loaded_by(statement) & unwanted == set()


def test_statistics_are_loaded_where_something_is_judged():
    statement = "import luthier.prediction, sys; assert 'scipy.stats' not in sys.modules"
    assert "luthier" in loaded_by(statement)


@pytest.mark.parametrize(
    "unit", ["tasks", "metrics", "task_types", "formats", "data", "text", "evaluation"]
)
def test_a_unit_that_speaks_numpy_loads_no_engine(unit):
    assert loaded_by(f"import {', '.join(modules_in(unit))}") & (ENGINES - {"sklearn"}) == set()


@pytest.mark.parametrize("kind", ["methods", "baselines"])
def test_finding_a_plug_in_loads_no_engine(kind):
    finds = "; ".join(f"find({kind!r}, {name!r})" for name in CATALOGUE[kind])
    assert (
        loaded_by(f"from luthier.registry import find; {finds}") & (ENGINES - {"sklearn"}) == set()
    )


def test_public_names_are_these_and_no_others():
    assert sorted(luthier.__all__) == sorted(luthier._HOMES)
    assert luthier.__all__ == [
        *("Predictor", "Recipe", "RunResult", "compare", "delete_runs", "evaluate", "export"),
        *("inspect", "ladder", "list_runs", "load", "run", "seeds"),
    ]
    for name in luthier.__all__:
        assert getattr(luthier, name).__name__ == name


def test_public_names_are_listed_before_any_is_loaded():
    fresh = "import luthier, sys; sys.exit(0 if {*luthier.__all__} <= {*dir(luthier)} else 1)"
    assert subprocess.run([sys.executable, "-c", fresh], check=False).returncode == 0


@pytest.mark.parametrize("name", [name for name in luthier.__all__ if name[0].islower()])
def test_no_module_takes_the_place_of_a_public_function(name):
    """Importing `luthier.NAME` would set the module where the function is looked up."""
    assert importlib.util.find_spec(f"luthier.{name}") is None


def test_a_name_that_is_not_public_is_refused_in_words():
    with pytest.raises(AttributeError, match="has no attribute 'train'"):
        luthier.train  # noqa: B018
