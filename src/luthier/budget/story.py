"""Describes a search: a panel for the report, and sentences for the terminal."""

from __future__ import annotations

from luthier.budget.candidates import AS_WRITTEN
from luthier.budget.trials import Trials, Tried
from luthier.declarations import Panel
from luthier.metrics.names import metric_of
from luthier.report.formatting import plural, written

LADDER = "luthier ladder RECIPE --methods linear-probe,full"


def sentences_of(trials: Trials, best: Tried) -> list[str]:
    """Say what was chosen, out of what, and what that does not say."""
    spent = trials.clock.spent / 60
    n_tried = len(trials.scored)
    said = [
        f"In {spent:.1f} of {trials.clock.minutes:g} minutes {plural(n_tried, 'candidate')} came "
        f"to a score; by {metric_of(trials.metric).title} on the validation rows the best is "
        f"{_named(best)} ({_score(trials, best)})."
    ]
    as_is = [one for one in trials.of(AS_WRITTEN) if one.score is not None]
    if not as_is:
        said.append("There was no time for the recipe as it is.")
    elif best.name != AS_WRITTEN:
        said.append(f"The recipe as it is: {_score(trials, max(as_is, key=lambda one: one.at))}.")
    tuned = [one for one in trials.scored if not one.is_frozen]
    if best.is_frozen and tuned:
        said.append(
            f"A head on frozen features is ahead of every training of the model here; {LADDER} "
            "shows from how many labels on training pays."
        )
    elif best.is_frozen:
        said.append("There was no time to train the model itself.")
    if n_tried > 1:
        said.append(
            f"The best of {n_tried} on the validation rows is likely a little worse elsewhere; the "
            "scores on test rows, which no choice has seen, are not."
        )
    return said


def panel_of(trials: Trials, best: Tried) -> Panel:
    """Make the panel of a search."""
    rows = [
        {
            "name": one.name,
            "passes": one.passes or None,
            "score": one.score,
            "seconds": round(one.seconds, 1),
            "minute": round(one.at / 60, 2),
            "is_best": one.cell == best.cell,
            "why": one.why,
        }
        for one in trials.tried
    ]
    return Panel(
        "search",
        f"What {trials.clock.minutes:g} minutes bought",
        {"metric": trials.metric, "tried": rows, "sentences": sentences_of(trials, best)},
    )


def _score(trials: Trials, tried: Tried) -> str:
    return written(tried.score, metric_of(trials.metric).unit)


def _named(tried: Tried) -> str:
    passes = f", {tried.passes:g} passes" if tried.passes else ""
    return f"{tried.name}{passes}"
