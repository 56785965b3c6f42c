"""Luthier: fine-tune a pre-trained language model, and prove what it brought.

`run(recipe)` trains and judges, `load(folder)` gives a predictor, `compare(folders)` sets runs
side by side. Names are loaded when first used, so that importing stays fast.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from luthier.evaluation.compare_runs import compare
    from luthier.pipeline import run
    from luthier.prediction import Predictor, load
    from luthier.recipe.tree import Recipe
    from luthier.results import RunResult

# Where bitsandbytes is installed, other libraries import it and it tells of a kernel that it lacks.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

__version__ = "0.1.0"

_HOMES = {
    "run": "luthier.pipeline",
    "load": "luthier.prediction",
    "Predictor": "luthier.prediction",
    "compare": "luthier.evaluation.compare_runs",
    "Recipe": "luthier.recipe.tree",
    "RunResult": "luthier.results",
}
__all__ = ["Predictor", "Recipe", "RunResult", "compare", "load", "run"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'luthier' has no attribute '{name}'")
