"""What a search found: its trials, the best of them, and what that is worth on fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.metrics.names import as_points, title
from luthier.report.study import HELPED, HURT, what_it_did
from luthier.studies.changes import signed, what_would_tell
from luthier.studies.results import Results
from luthier.studies.statistics import Estimate, Pair
from luthier.studies.tuning.trials import LEAST_TRIALS, MATTERED, Mattered, Tried

AS_IS = "as it is"


@dataclass(frozen=True)
class Searched:
    """One way of choosing values, and what came of it.

    Args:
        trials: All of them, in their order.
        best: The name of the best trial's run folder; None where none finished.
        arm: What it is called among the fresh seeds: its own name, or "as it is" where its recipe
            is that of the search.
        seconds: What all trials took together.
    """

    trials: tuple[Tried, ...]
    best: str | None
    arm: str | None
    seconds: float

    @property
    def winner(self) -> Tried | None:
        """The best trial."""
        return next((one for one in self.trials if one.cell == self.best), None)

    def count(self, state: str) -> int:
        """Count the trials that came to a state."""
        return sum(one.state == state for one in self.trials)


@dataclass(frozen=True)
class Found:
    """All that a search found.

    Args:
        name: Of the search.
        metric: The score on validation rows, by which trials are compared.
        confidence: Level of the intervals.
        space: Path of a setting to its values.
        search: The trials.
        random: Those of random search at equal budget; None where it was not asked for.
        mattered: Which settings mattered; none where that cannot be told.
        fresh: Test scores of the best recipes and of the recipe as it is, with fresh seeds; None
            where no trial finished, or no seeds were asked for.
        validation: Arm to its validation score with fresh seeds.
        sentences: The same in words.
        notes: The protocol in words.
        n_validation: The number of validation rows.
        folder: Of the study.
    """

    name: str
    metric: str
    confidence: float
    space: Mapping[str, Any]
    search: Searched
    random: Searched | None
    mattered: tuple[Mattered, ...]
    fresh: Results | None
    validation: Mapping[str, Estimate]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    n_validation: int
    folder: str

    @property
    def report(self) -> str:
        """Path of the page with all of this."""
        return str(Path(self.folder) / "report.html")

    @property
    def recipe(self) -> str:
        """Path of the best trial's recipe."""
        return str(Path(self.folder) / "recipe.yaml")


def sentences_of(
    search: Searched,
    random: Searched | None,
    mattered: Sequence[Mattered],
    fresh: Results | None,
    validation: Mapping[str, Estimate],
    *,
    metric: str,
    n_validation: int,
) -> list[str]:
    """Say what the search found, and what remains in doubt."""
    said = [_of_trials(search, metric, n_validation)]
    if fresh is not None and search.arm is not None:
        said += _of_fresh_seeds(search, fresh, validation, metric)
        if random is not None and random.arm is not None:
            said.append(_against_random(search, random, fresh))
    if random is not None and random.best is None:
        said.append("No trial of random search finished.")
    said.append(_of_settings(search, mattered))
    return said


def _of_trials(search: Searched, metric: str, n_validation: int) -> str:
    counts = f"Of {len(search.trials)} trials, {search.count('finished')} finished"
    counts += f", {search.count('pruned')} were pruned and {search.count('failed')} failed"
    winner = search.winner
    if winner is None or winner.score is None:
        return f"{counts}: there is no best one."
    return (
        f"{counts}. The best, {winner.cell}, has {title(metric)} {written(winner.score, metric)} "
        f"on {n_validation:,} validation rows; as the best of {search.count('finished')} by those "
        "rows, it is likely to be less elsewhere."
    )


def _of_fresh_seeds(
    search: Searched, fresh: Results, validation: Mapping[str, Estimate], metric: str
) -> list[str]:
    winner, arm = search.winner, search.arm
    if arm == AS_IS:
        return ["The best trial is the recipe as it is: the search found no better one."]
    means = {line.arm: line.score for line in fresh.lines}
    again = validation.get(str(arm))
    said = []
    if again is not None and winner is not None and winner.score is not None:
        said.append(
            f"With {again.n_seeds} fresh seeds, its validation score is "
            f"{written(again.mean, metric)} instead of {written(winner.score, metric)}."
        )
    pair = pair_of(fresh, str(arm), AS_IS)
    if pair is None:
        return said
    test = fresh.metric
    said.append(
        f"On {fresh.n_test:,} test rows with the same fresh seeds, it has {title(test)} "
        f"{written(means[str(arm)].mean, test)}, and the recipe as it is "
        f"{written(means[AS_IS].mean, test)}: tuning {_verdict(pair, test)}."
    )
    return said


def _against_random(search: Searched, random: Searched, fresh: Results) -> str:
    if random.arm == search.arm:
        return "Random search with as many trials ends at the same recipe."
    pair = pair_of(fresh, str(search.arm), str(random.arm))
    if pair is None:
        return "Random search could not be compared with."
    found, test = pair.difference, fresh.metric
    verdict = what_it_did(found.mean, pair.p_adjusted, found.n_seeds)
    words = {HELPED: "the search is better", HURT: "random search is better"}
    return (
        f"Random search with as many trials (best: {random.best}): "
        f"{words.get(verdict, 'no difference is seen')} ({_amount(pair, test)})."
    )


def _verdict(pair: Pair, metric: str) -> str:
    found = pair.difference
    verdict = what_it_did(found.mean, pair.p_adjusted, found.n_seeds)
    if verdict in (HELPED, HURT):
        return f"{verdict} ({_amount(pair, metric)})"
    return f"made no difference that is seen ({_amount(pair, metric)}; {what_would_tell(found)})"


def _amount(pair: Pair, metric: str) -> str:
    found = pair.difference
    low, high = signed(found.low, metric), signed(found.high, metric)
    points = " points" if as_points(metric) else ""
    return f"{signed(found.mean, metric)}{points}, from {low} to {high}"


def _of_settings(search: Searched, mattered: Sequence[Mattered]) -> str:
    n_finished = search.count("finished")
    if not mattered and n_finished < LEAST_TRIALS:
        return (
            f"Which settings mattered cannot be told: {n_finished} trials finished, and "
            f"{LEAST_TRIALS} are needed."
        )
    if not mattered:
        return "Which settings mattered cannot be told: all trials scored alike."
    clear = [one for one in mattered if one.verdict == MATTERED]
    others = [one.path for one in mattered if one.verdict != MATTERED]
    if not clear:
        return "Which settings mattered cannot be told: no share is larger than chance gives."
    named = ", ".join(
        f"{one.path} ({one.share:.0%} of the variance, {one.low:.0%} to {one.high:.0%})"
        for one in clear
    )
    rest = f" Of {', '.join(others)} it cannot be told." if others else ""
    return f"What mattered among these trials: {named}.{rest}"


def pair_of(fresh: Results, first: str, second: str) -> Pair | None:
    """Return the comparison of two arms, the first minus the second."""
    return next((one for one in fresh.pairs if (one.first, one.second) == (first, second)), None)


def written(value: float, metric: str) -> str:
    """Write a score, shares in per cent."""
    return f"{100 * value:.1f} %" if as_points(metric) else f"{value:.3f}"
