"""Luthier: fine-tune a pre-trained language model, and measure what fine-tuning gained.

    inspect(recipe)   what the data doctor finds    run(recipe)           train, judge and report
    run_within(recipe, minutes=10)  the best model that so many minutes buy
    load(run)         a predictor                   evaluate(run, data)   scores on other rows
    compare(runs)     runs side by side             export(run, folder)   a model for elsewhere
    ladder(recipe)    which method is best          seeds(recipe)         how far a score is luck
    ablate(recipe)    which change helps            soup(runs, folder)    the mean of their weights
    push(run, name)   its model to the hub          tune(recipe)          which settings are best
    folds(recipe)     a model for each fold, and what they are worth together
    modalities(recipe) which inputs of a row add something
    interpolate(run, other)  the best place between two models
    list_runs()       what runs there are           delete_runs(runs)     some of them gone
    distance(a, b)    how far apart two sets of texts are, and what that means for fine-tuning
    forecast(recipe)  what more labels would bring  rehearse(recipe)      which rows next
    label(recipe, …)  a desk that asks for the labels that teach most
    agree(file, who)  how far annotators agree, and one row for each text
    suspects(recipe)  which labels are probably wrong
    convert(file, tool, out)  labels from the file of one tool to that of another
    explain(run, …)   which words spoke for an answer, and which against it
    global_words(run) which words speak for which label over many rows, and shortcuts
    check_explanations(run), compare_explanations(runs): are they true, and whose are truer

The command line calls the same functions. Names are loaded when first used, so that importing
stays fast.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from luthier.annotators_of_file import agree
    from luthier.budget.run_within import run_within
    from luthier.domains.distance import distance
    from luthier.evaluate_run import evaluate
    from luthier.evaluation.compare_runs import compare
    from luthier.explain_run.explain import explain
    from luthier.explanations_of_run import (
        check_explanations,
        compare_explanations,
        global_words,
    )
    from luthier.exporters.export import export
    from luthier.exporters.interpolate import interpolate
    from luthier.exporters.push import push
    from luthier.exporters.soup import soup
    from luthier.formats.exchange.convert import convert
    from luthier.inspect_data import inspect
    from luthier.label_noise.find import suspects
    from luthier.labelling.label import label
    from luthier.pipeline import run
    from luthier.prediction.predictor import Predictor, load
    from luthier.recipe.tree import Recipe
    from luthier.rehearsal.rehearse import rehearse
    from luthier.results import RunResult
    from luthier.runs.listing import delete_runs, list_runs
    from luthier.studies.ablate import ablate
    from luthier.studies.fold_ensemble import folds
    from luthier.studies.forecast import forecast
    from luthier.studies.ladder import ladder
    from luthier.studies.modalities import modalities
    from luthier.studies.seeds import seeds
    from luthier.studies.tune import tune

# Other libraries import bitsandbytes if it is installed, and it warns about a missing kernel.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

__version__ = "0.1.0"

_HOMES = {
    "run": "luthier.pipeline",
    "run_within": "luthier.budget.run_within",
    "ablate": "luthier.studies.ablate",
    "agree": "luthier.annotators_of_file",
    "modalities": "luthier.studies.modalities",
    "load": "luthier.prediction.predictor",
    "Predictor": "luthier.prediction.predictor",
    "compare": "luthier.evaluation.compare_runs",
    "Recipe": "luthier.recipe.tree",
    "RunResult": "luthier.results",
    "delete_runs": "luthier.runs.listing",
    "distance": "luthier.domains.distance",
    "evaluate": "luthier.evaluate_run",
    "check_explanations": "luthier.explanations_of_run",
    "compare_explanations": "luthier.explanations_of_run",
    "convert": "luthier.formats.exchange.convert",
    "explain": "luthier.explain_run.explain",
    "global_words": "luthier.explanations_of_run",
    "export": "luthier.exporters.export",
    "folds": "luthier.studies.fold_ensemble",
    "forecast": "luthier.studies.forecast",
    "inspect": "luthier.inspect_data",
    "interpolate": "luthier.exporters.interpolate",
    "label": "luthier.labelling.label",
    "ladder": "luthier.studies.ladder",
    "list_runs": "luthier.runs.listing",
    "push": "luthier.exporters.push",
    "rehearse": "luthier.rehearsal.rehearse",
    "seeds": "luthier.studies.seeds",
    "soup": "luthier.exporters.soup",
    "suspects": "luthier.label_noise.find",
    "tune": "luthier.studies.tune",
}
__all__ = [
    "Predictor",
    "Recipe",
    "RunResult",
    "ablate",
    "agree",
    "check_explanations",
    "compare",
    "compare_explanations",
    "convert",
    "delete_runs",
    "distance",
    "evaluate",
    "explain",
    "export",
    "folds",
    "forecast",
    "global_words",
    "inspect",
    "interpolate",
    "label",
    "ladder",
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
]


def __dir__() -> list[str]:
    hidden = ("TYPE_CHECKING", "annotations", "import_module", "logging")
    return sorted({*globals(), *__all__} - {*hidden})


def __getattr__(name: str) -> object:
    if name in _HOMES:
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as problem:
            lacking = import_module("luthier.environment").lacking
            raise lacking(problem) or problem from problem
    raise AttributeError(f"module 'luthier' has no attribute '{name}'")
