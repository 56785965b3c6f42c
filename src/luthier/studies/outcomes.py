"""From the run folder of a finished trial to its outcome, and to the scores of all its systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from luthier.evaluation.judge import SYSTEM
from luthier.metrics.intervals import bootstrap
from luthier.ragged import Array
from luthier.recipe.checks import make_plugin
from luthier.records import Rows
from luthier.registry import find
from luthier.results import Score
from luthier.runs import RunFolder
from luthier.runs.tuning import ASIDE
from luthier.studies.trial import Cost, Outcome, Trial


@dataclass(frozen=True)
class SystemScores:
    """The test scores of one system of a trial: the trained model, or a baseline.

    Args:
        trial: The trial whose run judged the system.
        system: `fine-tuned` for the trained model, otherwise the name of a baseline.
        values: Metric to score on the test rows.
        resampled: The metric of the study on resamples of the test rows, (resamples,); all trials
            share the same resamples.
        n_test: The number of test rows.
        cost: What the training cost; nothing is known of baselines.
    """

    trial: Trial
    system: str
    values: dict[str, float]
    resampled: Array
    n_test: int
    cost: Cost

    @property
    def arm(self) -> str:
        """The arm that these scores belong to; a baseline is an arm of its own."""
        return self.trial.arm if self.system == SYSTEM else self.system


def read_outcome(run: RunFolder) -> Outcome:
    """Read what a finished run came to."""
    test = {name: Score(**score) for name, score in run.read_json("scores")[SYSTEM].items()}
    return Outcome(validation_scores(run), test, cost_of(run))


def validation_scores(run: RunFolder) -> dict[str, float]:
    """Read the validation scores of the weights that a run kept, from its events.

    Those are the last that were the best so far, or simply the last where
    `training.load_best_model_at_end` is off.
    """
    scored = [
        event
        for event in run.events.read()
        if event.get("scores") and not event["phase"].startswith(ASIDE)
    ]
    if run.recipe().training.load_best_model_at_end:
        scored = [event for event in scored if event.get("is_best")] or scored
    kept = scored[-1]["scores"] if scored else {}
    return {name: value for name, value in kept.items() if value is not None}


def cost_of(run: RunFolder) -> Cost:
    """Read what the training of a run cost."""
    about = run.read_json("environment") or {}
    parameters = about.get("parameters") or {}
    phases = about.get("phases", {})
    return Cost(
        seconds=sum(value for phase, value in phases.items() if not phase.startswith(ASIDE)),
        peak_memory_mib=about.get("peak_memory_mib"),
        passes=passes_of(run),
        trained=parameters.get("trained"),
        parameters=parameters.get("total"),
        bytes=about.get("model_bytes"),
    )


def passes_of(run: RunFolder) -> float | None:
    """Count the batches that went through the model and back in a run's training."""
    recipe = run.recipe()
    steps = [event["step"] for event in run.events.read() if not event["phase"].startswith(ASIDE)]
    if not steps:
        return None
    more = sum(find("regularisers", one.name).cost - 1 for one in recipe.regularisers)
    return float(max(steps) * recipe.training.gradient_accumulation_steps * (1 + more))


def read_systems(trial: Trial, run: RunFolder, *, metric: str, cost: Cost) -> list[SystemScores]:
    """Read what every system of a finished run scored, on the same resamples for all runs."""
    recipe = run.recipe()
    task = make_plugin("tasks", recipe.task)
    codec = task.codec(run.target())
    lines: list[dict[str, Any]] = list(run.read_predictions())
    names = lines[0]["columns"]
    rows = Rows.of({name: [line["columns"][name] for line in lines] for name in names})
    gold = codec.gold(rows)
    scores = run.read_json("scores")
    found = []
    for system in lines[0]["predictions"]:
        said = codec.from_json([line["predictions"][system] for line in lines], rows)
        resampled = bootstrap(
            codec.measure(gold, said),
            len(rows),
            n_resamples=recipe.evaluation.n_resamples,
            seed=0,
        )
        values = {name: score["value"] for name, score in scores[system].items()}
        spent = cost if system == SYSTEM else Cost()
        found.append(SystemScores(trial, system, values, resampled[metric], len(rows), spent))
    return found
