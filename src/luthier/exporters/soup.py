"""A soup: the mean of weights, of those that make it no worse on validation.

Wortsman et al. 2022, "Model soups", algorithm 1 (the greedy one), https://arxiv.org/abs/2203.05482.
The weights are those of runs of one recipe with several seeds, as `luthier seeds --keep-models`
leaves them; each has a fresh head of its own, so that a mean may well be worse, and the best run is
then kept alone. Or one run kept them on its way (`kept_weights.py`), beside its model.
What is in the soup follows from the validation rows; the test rows judge it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from luthier.arguments import Paths, checked
from luthier.errors import RunError
from luthier.evaluation.judge import judge, resampling
from luthier.exporters.kept_weights import checkpoints_of, kept_models
from luthier.exporters.merged import refuse_unmerged
from luthier.exporters.place import aside, refuse_taken
from luthier.hf_types import Model
from luthier.metrics.names import lower_is_better
from luthier.models.load import save_model
from luthier.prediction.predictor import Predictor, load
from luthier.records import Splits
from luthier.report.model_card import write_model_card
from luthier.results import Comparison, Score
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.runs.portable import write_portable
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows

SOUP, BEST = "soup", "best alone"
Weights = Mapping[str, Tensor]
MAY_DIFFER = (  # of the recipes
    *("training", "baselines", "regularisers", "augmentation", "evaluation", "method"),
)


@dataclass(frozen=True)
class Soup:
    """What a soup was made of, and what it is worth.

    Args:
        folder: Where its model was written.
        runs: The runs, or checkpoints of one, in it, the best on validation first.
        left_out: The others.
        metric: The metric of the validation rows.
        validation: Run or checkpoint, and "soup", to its score on the validation rows.
        scores: The soup, and the best of them alone, to metric to score on the test rows.
        comparison: The soup against the best alone on the test rows; None where it is that.
    """

    folder: str
    runs: tuple[str, ...]
    left_out: tuple[str, ...]
    metric: str
    validation: Mapping[str, float]
    scores: Mapping[str, Mapping[str, Score]]
    comparison: Comparison | None


@checked
def soup(runs: Paths, out: str | Path, *, data: Mapping[str, Any] | None = None) -> Soup:
    """Average weights of runs of one recipe, or of one run, as long as validation does not suffer.

    Weights are tried from the best on validation to the worst; they stay in the soup if the mean of
    all in it then scores no worse.

    Args:
        runs: Folders of finished runs that differ in how they were trained alone; or of one that
            kept weights on its way (`training.save_total_limit`).
        out: A folder that does not exist, or is empty.
        data: Split to rows in memory, where the runs were given such.

    Returns:
        What is in the soup, and its test scores beside those of the best run or checkpoint.

    Raises:
        RunError: There is no run, or one that kept no weights; they are of different recipes or
            rows, have no validation rows, or the folder is not empty.
        ModelError: Learned parameters stay apart from the model's weights.

    Example:
        made = luthier.soup(["runs/a", "runs/b", "runs/c"], "runs/soup")
        print(made.runs, made.comparison)
    """
    folder = Path(out)
    refuse_taken(folder)
    opened = [RunFolder.open(run).require_finished() for run in runs]
    refuse_others(opened)
    predictor = load(opened[0].path)
    splits = rows_of_run(opened[0], predictor.recipe, predictor.task, data)
    if len(splits.validation) == 0:
        raise RunError(
            "A soup is tasted on validation rows, and these runs have none.",
            received=str(opened[0].path),
            hint="runs with data.split.validation=0.1",
        )
    metric = predictor.task.validation_metric
    sign = -1.0 if lower_is_better(metric) else 1.0
    weights: dict[str, Weights] = {}
    tasted: dict[str, float] = {}
    for name, one in ingredients(opened, data):
        weights[name] = one
        put(predictor, [one])
        tasted[name] = taste(predictor, splits.validation)
    best, *others = sorted(tasted, key=lambda name: -sign * tasted[name])
    chosen, score = [best], tasted[best]
    for name in others:
        put(predictor, [weights[one] for one in (*chosen, name)])
        tried = taste(predictor, splits.validation)
        if sign * tried >= sign * score:
            chosen, score = [*chosen, name], tried
    mixed = {SOUP: [weights[one] for one in chosen]}
    alone = {} if len(chosen) == 1 else {BEST: [weights[best]]}
    scores, comparison = judged(predictor, alone | mixed, splits)
    with aside(folder) as written:
        save_model(predictor.model, predictor.codec.processor, written)
        write_portable(written, predictor.recipe, replace(predictor.target, rejection=None))
        write_model_card(opened[0].path if len(opened) == 1 else Path(best), into=written)
    left_out = tuple(name for name in others if name not in chosen)
    tasted[SOUP] = score
    return Soup(str(folder), tuple(chosen), left_out, metric, tasted, scores, comparison)


def ingredients(
    opened: Sequence[RunFolder], data: Mapping[str, Any] | None
) -> Iterator[tuple[str, Weights]]:
    """Give the weights of every run; of one alone, also those that it kept on its way.

    Weights that are those of the run are given once.

    Raises:
        RunError: One run alone kept no weights.
        ModelError: Learned parameters stay apart from the model's weights.
    """
    checkpoints = checkpoints_of(opened[0]) if len(opened) == 1 else []
    given: list[Weights] = []
    for run in opened:
        predictor = load(run.path)
        refuse_unmerged(predictor, run.path)
        given.append(weights_of(predictor.model))
        yield str(run.path), given[-1]
    for name, model in kept_models(opened[0], checkpoints, data) if checkpoints else ():
        one = weights_of(model)
        if not all(torch.equal(one[key], values) for key, values in given[0].items()):
            yield name, one


def weights_of(model: Model) -> Weights:
    """Copy a model's weights."""
    return {name: one.clone() for name, one in model.state_dict().items()}


def refuse_others(opened: Sequence[RunFolder]) -> None:
    """Refuse runs that are not of one recipe, on the same rows.

    Raises:
        RunError: There is none, or they differ in more than their training.
    """
    if not opened:
        raise RunError(
            "A soup needs runs.",
            received="none",
            hint="luthier seeds RECIPE --keep-models trains several",
        )

    def kept(run: RunFolder) -> dict[str, Any]:
        tree = run.recipe().model_dump(mode="json", exclude={*MAY_DIFFER})
        rows = {name: one["sha256"] for name, one in run.read_json("data")["splits"].items()}
        rows.pop("train", None)
        return {**tree, "rows": rows, "labels": run.target().names}

    first = kept(opened[0])
    for run in opened[1:]:
        other = kept(run)
        differing = [name for name, value in first.items() if other[name] != value]
        if differing:
            raise RunError(
                "Only runs of one model on the same rows can be averaged.",
                received=f"{opened[0].path} and {run.path} differ in {', '.join(differing)}",
                hint="runs that differ in their seed, such as those of luthier seeds",
            )


def taste(predictor: Predictor, rows: Any) -> float:
    """Score a model on the validation rows."""
    codec = predictor.codec
    steps = infer_rows(
        predictor.model,
        codec.encode(rows),
        rows,
        codec,
        batch_size=predictor.recipe.training.per_device_eval_batch_size,
        kinds=[predictor.task.validation_kind],
    )
    outputs = follow(steps, lambda info: None)
    return codec.validation_scores(outputs, codec.gold(rows))[predictor.task.validation_metric]


@torch.no_grad()
def put(
    predictor: Predictor,
    weights: Sequence[Weights],
    shares: Sequence[float] | None = None,
) -> None:
    """Give a model the mean of several; what is no floating-point number is that of the first.

    Args:
        predictor: The model.
        weights: The weights of each.
        shares: Of each in the mean; None: equal ones.
    """
    each = torch.full((len(weights),), 1 / len(weights)) if shares is None else torch.tensor(shares)
    for name, one in predictor.model.state_dict().items():
        parts = [given[name] for given in weights]
        if one.is_floating_point():
            stacked = torch.stack([part.double() for part in parts])
            one.copy_(torch.tensordot(each.double(), stacked, dims=1))
        else:
            one.copy_(parts[0])


def judged(
    predictor: Predictor, systems: Mapping[str, Sequence[Weights]], splits: Splits
) -> tuple[Mapping[str, Mapping[str, Score]], Comparison | None]:
    """Score means of weights on the test rows, and compare the soup with the best alone.

    The predictor is left with the last of them, whose decoding is tuned on the validation rows.
    """
    predictions = {}
    validation = predictor.codec.gold(splits.validation)
    for name, parts in systems.items():
        put(predictor, parts)
        predictor.codec = predictor.codec.tuned(predictor.outputs(splits.validation), validation)
        predictions[name] = predictor.predict(splits.test)
    gold, settings = predictor.codec.gold(splits.test), resampling(predictor.recipe)
    scores, comparisons = judge(predictor.codec, gold, predictions, system=SOUP, **settings)
    return scores, comparisons[0] if comparisons else None
