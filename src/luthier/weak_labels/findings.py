"""What is to be known of labelling functions before a training, as findings."""

from __future__ import annotations

from luthier.results import Finding, Score
from luthier.weak_labels.label_rows import FunctionVotes, WeakLabels

FEW = 10  # rows with labels below which a function is not called wrong


def findings_of(weak: WeakLabels) -> list[Finding]:
    """Say how many rows got a label, and which functions are of no use."""
    n_left = weak.n_rows - weak.n_voted - weak.n_tied
    message = (
        f"{len(weak.functions)} functions labelled {weak.n_voted:,} of {weak.n_rows:,} training "
        f"rows that had no label. Left out are {n_left:,} without a vote and {weak.n_tied:,} on "
        f"which votes are even. Merged by {weak.how}, "
        + (
            f"they are right on {_said(weak.merged)} that have labels and a vote."
            if weak.merged
            else "on no labelled row, so how often they are right is not known."
        )
    )
    fix = "luthier inspect RECIPE shows each function; a report compares the model with weak-vote"
    found = [Finding("weak-labels", "note", message, weak.n_voted, (), fix)]
    for at, one in enumerate(weak.functions):
        if one.n_votes == 0:
            message = f"The labelling function '{one.name}' votes on no training row."
            fix = f"mend data.weak.{at}, or leave it out"
            found.append(Finding("weak-function-silent", "warning", message, 0, (), fix))
        elif (wrong := _wrong(one)) is not None:
            message = f"The labelling function '{one.name}' is right on {_said(wrong)} only."
            fix = f"mend data.weak.{at}, or leave it out"
            found.append(Finding("weak-function-wrong", "warning", message, wrong.n, (), fix))
    return found


def _wrong(one: FunctionVotes) -> Score | None:
    """Return the score of a function that is surely wrong more often than right."""
    measured = one.measured
    if measured is None or measured.n < FEW or measured.high >= 0.5:
        return None
    return measured


def _said(score: Score) -> str:
    return f"{score.value:.1%} [{score.low:.1%}, {score.high:.1%}] of {score.n:,} rows"
