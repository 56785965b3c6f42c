"""State the limits of a run's scores, from what the run did and found."""

from __future__ import annotations

from collections.abc import Iterator

from luthier.errors import RecipeError
from luthier.registry import find
from luthier.report.facts import Facts
from luthier.report.formatting import base_name, difference, listed, plural, title
from luthier.runs.recording import WAITS

LEAKS = "duplicate-across-splits"
FEW = 20  # test rows of a label below which its score says little
Limit = tuple[str, str]  # what is limited, and how


def limits(facts: Facts) -> list[Limit]:
    """List what the scores do not prove, the most important first."""
    if not facts.scores:
        return []
    return [*_findings(facts), *_rows(facts), *_training(facts), *_judging(facts)]


def _findings(facts: Facts) -> Iterator[Limit]:
    for finding in facts.findings:
        is_dealt_with = finding.get("code") == LEAKS and facts.asked("data", "drop_leaks")
        if finding.get("severity") in ("error", "warning") and not is_dealt_with:
            yield "Data", str(finding.get("message", ""))


def _rows(facts: Facts) -> Iterator[Limit]:
    score, metric = facts.main_score, facts.metric
    n, low, high = (score.get(key) for key in ("n", "low", "high"))
    if n is not None and low is not None and high is not None:
        reach = difference((high - low) / 2, metric)
        yield (
            "Size",
            f"{plural(n, 'test row')} leave {title(metric)} uncertain by about ±{reach}.",
        )
    train = {base_name(file) for file in facts.splits.get("train", {}).get("files") or ()}
    test = {base_name(file) for file in facts.splits.get("test", {}).get("files") or ()}
    if test and test <= train:
        yield (
            "Reach",
            f"The test rows come from the same source as the training rows ({listed(sorted(test))}"
            "). Nothing was tested on texts from elsewhere or of later times.",
        )
    else:
        yield (
            "Reach",
            "Nothing was tested beyond this one test set: the scores hold for texts like its own.",
        )
    rare = [
        str(row["label"])
        for row in facts.panel("labels") or ()
        if row.get("support") is not None and row["support"] < FEW
    ]
    if rare:
        has = "has" if len(rare) == 1 else "have"
        yield (
            "Rare labels",
            f"{plural(len(rare), 'label')} {has} fewer than {FEW} "
            f"{'true entities in the test rows' if facts.kind == 'tags' else 'test rows'}, and "
            f"scores of their own that say little: {listed(rare)}.",
        )


def is_cross_validation(facts: Facts) -> bool:
    """Return whether a run stands for all folds of a cross-validation."""
    split = facts.asked("data", "split") or {}
    return split.get("n_folds") is not None and split.get("fold") is None


def _training(facts: Facts) -> Iterator[Limit]:
    seed = facts.asked("training", "seed")
    runs = "One training run"
    if is_cross_validation(facts):
        runs = f"{facts.asked('data', 'split')['n_folds']} training runs, one a fold"
    said = runs if seed is None else f"{runs}, with seed {seed}"
    yield (
        "Seed",
        f"{said}: another seed gives another model. The intervals speak of other test rows, "
        "not of other seeds.",
    )
    yield from _story(facts)
    if facts.splits.get("validation", {}).get("rows") == 0:
        yield (
            "Validation",
            "There were no validation rows: the last weights were kept, and nothing was tuned.",
        )
    if any(item.get("baseline") == "from-scratch" for item in facts.comparisons):
        yield (
            "Baselines",
            "from-scratch had the training settings of the fine-tuned model; with settings of its "
            "own it might do better.",
        )
    yield (
        "Pre-training",
        "Whether the pre-trained model had seen these test texts before is not known.",
    )


def _story(facts: Facts) -> Iterator[Limit]:
    """Report interruptions, what had changed when the run resumed, and spikes of the loss."""
    before = [one for one in facts.attempts[:-1] if one.get("reason") != WAITS]
    is_whole = is_cross_validation(facts)
    if before:
        ends = [str(attempt.get("reason") or "it was killed") for attempt in before]
        times = f"{len(before)} times" if len(before) > 1 else "once"
        resumed = [one for attempt in facts.attempts for one in attempt.get("resumed") or ()]
        resumed_at = listed([f"step {one.get('step')} of {one.get('phase')}" for one in resumed])
        yield (
            "Interruptions",
            f"The run was interrupted {times} ({'; '.join(ends)}) and resumed"
            + (f" after {resumed_at}" if resumed else "" if is_whole else " from the beginning")
            + ". A resumed training ends with the same weights as an uninterrupted one; times add "
            "the attempts up.",
        )
        notes = [note for one in resumed for note in one.get("notes") or ()]
        changes = [str(change) for attempt in facts.attempts for change in attempt["changes"]]
        for words in (*notes, *(f"{change}, changed when the run resumed" for change in changes)):
            yield "Interruptions", f"{words}."
    for phase, messages in facts.told.items():
        for message in messages:
            topic = "Judging" if phase == "judging" else "Training"
            yield topic, f"{phase}: {message}" if phase.startswith("baseline") else message
    for phase, events in facts.curves.items():
        spikes = [event for event in events if event.get("spike") is not None]
        if spikes:
            steps = listed([str(event.get("step")) for event in spikes])
            yield (
                "Loss",
                f"In {phase} the loss rose to more than twice the highest value of the fifty steps "
                f"before, at step {steps}: inspect those rows, or lower the learning rate.",
            )


def _usual_baselines(facts: Facts) -> tuple[str, ...]:
    try:
        return tuple(find("tasks", str(facts.asked("task", "name"))).baselines)
    except RecipeError:  # of a package that is not installed here
        return ()


def _judging(facts: Facts) -> Iterator[Limit]:
    n_compared = len(facts.comparisons)
    left_out = [name for name in _usual_baselines(facts) if name not in facts.scores]
    if left_out and n_compared:
        yield (
            "Baselines",
            f"{listed(left_out)}, which this task is usually compared with, "
            f"{'was' if len(left_out) == 1 else 'were'} left out.",
        )
    if n_compared == 0:
        yield (
            "Baselines",
            "No baseline was fitted: whether something simpler would do as well is not known.",
        )
    if n_compared > 1:
        yield (
            "Comparisons",
            f"p-values are corrected for {n_compared} comparisons (Holm); intervals, slices and "
            "scores of single labels are not.",
        )
    calibration = facts.panel("calibration")
    if calibration:
        n_fitted = plural(calibration.get("fitted_on") or 0, "validation row")
        yield (
            "Calibration",
            f"The temperature was fitted on {n_fitted}, which also chose the best weights.",
        )
    if facts.target.get("thresholds"):
        yield (
            "Thresholds",
            "The threshold above which no answer is given was tuned on the validation rows."
            if facts.kind == "answer"
            else "Each label's threshold was tuned on the validation rows that chose the best "
            "weights.",
        )
