"""A soup of runs: the mean of their weights, of those runs that make it no worse on validation.

Wortsman et al. 2022, "Model soups", algorithm 1 (the greedy one), https://arxiv.org/abs/2203.05482.
The runs are of one recipe with several seeds, such as those of `luthier seeds --keep-models`; each
has a fresh head of its own, so that a mean may well be worse, and the best run is then kept alone.
Which runs are in the soup follows from the validation rows; the test rows judge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from luthier.arguments import Paths, checked
from luthier.errors import RunError
from luthier.evaluation.judge import judge, resampling
from luthier.exporters.merged import refuse_unmerged
from luthier.exporters.place import aside, refuse_taken
from luthier.metrics.names import lower_is_better
from luthier.models.load import save_model
from luthier.prediction.predictor import Predictor, load
from luthier.report.model_card import write_model_card
from luthier.results import Comparison, Score
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.runs.portable import write_portable
from luthier.training.listeners import follow
from luthier.training.predict import infer_rows

SOUP = "soup"
MAY_DIFFER = (  # of the recipes
    *("training", "baselines", "regularisers", "augmentation", "evaluation", "method"),
)


@dataclass(frozen=True)
class Soup:
    """What a soup was made of, and what it is worth.

    Args:
        folder: Where its model was written.
        runs: The runs in it, the best on validation first.
        left_out: The other runs.
        metric: The metric of the validation rows.
        validation: Run, and "soup", to its score on the validation rows.
        scores: The soup, and the best run, to metric to score on the test rows.
        comparison: The soup against the best run on the test rows; None where it is that run.
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
    """Average the weights of runs of one recipe, as long as validation rows do not suffer.

    Runs are tried from the best on validation to the worst; each stays in the soup if the mean of
    all weights in it then scores no worse.

    Args:
        runs: Folders of two or more finished runs that differ in how they were trained alone.
        out: A folder that does not exist, or is empty.
        data: Split to rows in memory, where the runs were given such.

    Returns:
        The runs in the soup, and its test scores beside those of the best run.

    Raises:
        RunError: There are fewer than two runs, they are of different recipes or rows, have no
            validation rows, or the folder is not empty.
        ModelError: Learned parameters stay apart from the model's weights.

    Example:
        made = luthier.soup(["runs/a", "runs/b", "runs/c"], "runs/soup")
        print(made.runs, made.comparison)
    """
    folder = Path(out)
    refuse_taken(folder)
    opened = [RunFolder.open(run).require_finished() for run in runs]
    refuse_others(opened)
    first = load(opened[0].path)
    splits = rows_of_run(opened[0], first.recipe, first.task, data)
    if len(splits.validation) == 0:
        raise RunError(
            "A soup is tasted on validation rows, and these runs have none.",
            received=str(opened[0].path),
            hint="runs with data.split.validation=0.1",
        )
    metric = first.task.validation_metric
    sign = -1.0 if lower_is_better(metric) else 1.0
    weights: dict[str, dict[str, Tensor]] = {}
    tasted: dict[str, float] = {}
    for run in opened:
        predictor = load(run.path)
        refuse_unmerged(predictor, run.path)
        name = str(run.path)
        weights[name] = {key: one.clone() for key, one in predictor.model.state_dict().items()}
        tasted[name] = taste(predictor, splits.validation)
    best, *others = sorted(tasted, key=lambda name: -sign * tasted[name])
    chosen, score = [best], tasted[best]
    predictor = load(best)
    for name in others:
        put(predictor, [weights[one] for one in (*chosen, name)])
        tried = taste(predictor, splits.validation)
        if sign * tried >= sign * score:
            chosen, score = [*chosen, name], tried
    put(predictor, [weights[one] for one in chosen])
    gold = predictor.codec.gold(splits.validation)
    predictor.codec = predictor.codec.tuned(predictor.outputs(splits.validation), gold)
    scores, comparison = judged(predictor, load(best), splits.test, is_one=len(chosen) == 1)
    with aside(folder) as written:
        save_model(predictor.model, predictor.codec.processor, written)
        write_portable(written, predictor.recipe, predictor.target)
        write_model_card(Path(best), into=written)
    left_out = tuple(name for name in others if name not in chosen)
    tasted[SOUP] = score
    return Soup(str(folder), tuple(chosen), left_out, metric, tasted, scores, comparison)


def refuse_others(opened: Sequence[RunFolder]) -> None:
    """Refuse runs that are not of one recipe, on the same rows.

    Raises:
        RunError: There are fewer than two, or they differ in more than their training.
    """
    if len(opened) < 2:
        raise RunError(
            "A soup needs at least two runs.",
            received=", ".join(str(run.path) for run in opened) or "none",
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
    weights: Sequence[Mapping[str, Tensor]],
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
    ours: Predictor, best: Predictor, rows: Any, *, is_one: bool
) -> tuple[Mapping[str, Mapping[str, Score]], Comparison | None]:
    """Score the soup and the best run on the test rows, and compare them."""
    systems = {SOUP: ours.predict(rows)} | ({} if is_one else {"best run": best.predict(rows)})
    gold = ours.codec.gold(rows)
    scores, comparisons = judge(ours.codec, gold, systems, system=SOUP, **resampling(ours.recipe))
    return scores, comparisons[0] if comparisons else None
