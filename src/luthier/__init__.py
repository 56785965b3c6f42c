"""Luthier: fine-tune a pre-trained language model, and measure what fine-tuning gained.

`run(recipe)` trains and evaluates, `load(folder)` returns a predictor, and `compare(folders)`
compares runs. Names are imported on first use, which keeps `import luthier` fast.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.evaluation.compare_runs import compare
    from luthier.pipeline import run
    from luthier.prediction import Predictor, load
    from luthier.recipe.tree import Recipe
    from luthier.results import RunResult

# Other libraries import bitsandbytes if it is installed, and it warns about a missing kernel.
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


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'luthier' has no attribute '{name}'")
