"""What is light to import stays light: told by the modules loaded, not by a clock."""

import importlib.util
import json
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


NUMPY_UNITS = ("tasks", "metrics", "task_types", "formats", "data", "text", "evaluation")
LIGHT = {  # statements, the lightest first, and what is loaded after none of them
    "import luthier": ENGINES | NUMBERS | {"pydantic", "typer", "rich", "yaml"},
    "import luthier.cli.app": ENGINES | NUMBERS | {"pydantic"},
    "from luthier import Recipe; import luthier.recipe.load": ENGINES | NUMBERS,
    "import luthier.runs": ENGINES | {"scipy", "pandas", "pyarrow", "matplotlib"},
    "import luthier.records, luthier.protocols": ENGINES,
    **{
        "from luthier.registry import find; "
        + "; ".join(f"find({kind!r}, {name!r})" for name in CATALOGUE[kind]): ENGINES - {"sklearn"}
        for kind in ("methods", "baselines")
    },
    **{f"import {', '.join(modules_in(unit))}": ENGINES - {"sklearn"} for unit in NUMPY_UNITS},
}


@pytest.fixture(scope="module")
def loaded():
    """Name what is loaded after each of these statements, made one after the other."""
    return dict(zip(LIGHT, loaded_by(*LIGHT), strict=True))


@pytest.mark.parametrize("statement", LIGHT)
def test_an_import_stays_light(statement, loaded):
    """What is loaded by one is loaded after all that follow, of which more is allowed."""
    assert loaded[statement] & LIGHT[statement] == set()


def test_a_predictor_loads_no_statistics_and_nothing_to_train_with():
    (found,) = loaded_by("import luthier.prediction.predictor")
    unwanted = {"peft", "datasets", "sklearn", "tensorflow", "pandas", "matplotlib", "scipy.stats"}
    assert "luthier.prediction.predictor" in found
    assert found & unwanted == set()


def test_a_prediction_loads_no_compiler_and_nothing_for_many_devices(tiny_teacher):
    """The command loads what asking a model needs: half of what Transformers imports otherwise."""
    run = tiny_teacher("text-classification")
    program = (
        "import sys; from luthier.cli.app import main\n"
        f"sys.argv = ['luthier', 'predict', {str(run)!r}, 'a sunny day', '--json']\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    answer, modules = done.stdout.splitlines()
    assert [json.loads(answer)] == luthier.load(run)("a sunny day")
    unwanted = {
        *("torch._dynamo.convert_frame", "torch.distributed.tensor", "scipy.optimize._optimize"),
        *("transformers.trainer", "sklearn", "datasets", "peft", "pandas", "tensorflow"),
        *("sympy", "charset_normalizer"),
    }
    assert {*modules.split()} & unwanted == set()


def test_what_was_deferred_is_loaded_when_it_is_asked_for():
    program = """
from luthier.models.lean import import_lean
import_lean()
import scipy.optimize, torch, transformers.models
from transformers import BertModel
from scipy.optimize import linear_sum_assignment, minimize_scalar
assert linear_sum_assignment([[2, 1], [1, 2]])[1].tolist() == [1, 0]
assert minimize_scalar(lambda x: (x - 3) ** 2).success
assert torch._dynamo.config.cache_size_limit > 0
assert torch._dynamo.disable(len) is not len
from torch.fx.experimental.symbolic_shapes import ShapeEnv, guard_or_false, sym_and, sym_eq
assert guard_or_false(1 < 2) and sym_and(True, sym_eq((1, 2), (1, 2))) is True
size = ShapeEnv().create_unbacked_symint()
assert guard_or_false(size == 7) is False and not isinstance(sym_and(size == 7), bool)
assert torch.nn.Linear(3, 2, device="meta").weight.shape == (2, 3)
assert torch.nn.Embedding(50, 9).weight.std() > 0.5
assert transformers.models.bert.BertModel is BertModel
weights = [torch.ones(1, requires_grad=True)]
torch.optim.SGD(weights, lr=1.0).zero_grad()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_these_and_no_others():
    assert sorted(luthier.__all__) == sorted(luthier._HOMES)
    assert luthier.__all__ == [
        *("Predictor", "Recipe", "RunResult", "ablate", "agree", "check_explanations"),
        *("compare", "compare_explanations", "convert", "delete_runs", "distance", "evaluate"),
        *("explain", "export"),
        *("folds", "forecast", "global_words", "inspect", "interpolate", "label", "ladder"),
        *(
            "list_runs",
            "load",
            "modalities",
            "push",
            "rehearse",
            "run",
            "run_within",
            "seeds",
            "soup",
            "suspects",
            "tune",
        ),
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
