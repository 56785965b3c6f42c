"""What more labels would bring: a learning curve continued, with a band that was tried out.

How far a curve may be off is not known from its own scatter: the form may be wrong. The band is
the hull of two forms on resampled draws and test rows, widened by what the back-test missed for
each doubling, and by one point. More labels are taken never to hurt: the band's lower end does not
fall below what it is with the labels that there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from luthier.errors import DataError, RecipeError
from luthier.metrics.names import as_points, lower_is_better, metric_of
from luthier.ragged import Array
from luthier.seeding import stream
from luthier.studies.curve import (
    EXPONENTS,
    errors_of_back_test,
    fit,
    slopes,
    weights_of,
)

BAND = 0.9  # share of resamples that the hull holds
FEWEST_SIZES = 5
FARTHEST = 8  # times the rows that there are
POINT = 0.01  # share of the best score that every band is widened by
RESAMPLES = 1000


@dataclass(frozen=True)
class Expected:
    """What is expected with so many labels.

    Args:
        n_rows: How many labels, in all.
        doublings: How often the labels that there are double until then.
        score: The score.
        low: Lower end of its band.
        high: Upper end of its band.
        gain: The score minus that with the labels that there are.
        gain_low: Lower end of the gain's band.
        gain_high: Upper end of the gain's band.
    """

    n_rows: int
    doublings: float
    score: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float


class LearningCurve:
    """A learning curve that can be continued.

    Args:
        metric: Of the scores.
        sizes: Numbers of labels, ascending.
        values: Score of every draw at every size, (draws, sizes).
        resampled: The same on resampled test rows, (draws, sizes, resamples).
        ceiling: A score that no model can exceed, such as the agreement of annotators; None: the
            metric's best.

    Raises:
        RecipeError: The metric has no best value.
        DataError: There are fewer than 5 sizes, the curve is flat, or no power law.
    """

    def __init__(
        self,
        metric: str,
        sizes: Sequence[int],
        values: Array,
        resampled: Array,
        *,
        ceiling: float | None = None,
    ):
        refuse_few(sizes)
        self.metric, self.sizes = metric, np.array(sizes, dtype=np.float64)
        self.best, self.sign = best_of(metric, ceiling), -1.0 if lower_is_better(metric) else 1.0
        errors = self.sign * (self.best - values)
        self.weights = weights_of(errors)
        self.errors = errors.mean(axis=0)
        drawn = _resample(self.sign * (self.best - resampled))
        self._refuse_ceiling(ceiling)
        self._refuse_flat(drawn)
        self.centre = fit(self.sizes, self.errors[None], self.weights, has_floor=False)
        self._refuse_exponent(float(self.centre.exponent[0]))
        self.forms = [
            fit(self.sizes, drawn, self.weights, has_floor=has_floor) for has_floor in (False, True)
        ]
        missed = np.array([*errors_of_back_test(self.sizes, self.errors, self.weights)])
        self.missed_a_doubling = float(missed[:, 0].sum() / missed[:, 1].sum())

    @property
    def point(self) -> float:
        """One point of the metric, by which every band is widened."""
        if as_points(self.metric):
            return POINT
        return POINT * abs(self.best) if self.sign > 0 else 2 * POINT * float(self.errors[-1])

    def at(self, n_rows: int) -> Expected:
        """Say what is expected with so many labels."""
        last = self.sizes[-1]
        doublings = max(0.0, float(np.log2(n_rows / last)))
        wider = self.missed_a_doubling * doublings + self.point
        error, now = float(self.centre.at(n_rows)[0]), float(self.centre.at(last)[0])
        least, most = self._hull([form.at(n_rows) for form in self.forms], wider)
        if n_rows > last:
            most = min(most, self._hull([form.at(last) for form in self.forms], self.point)[1])
        fell = self._hull([form.at(last) - form.at(n_rows) for form in self.forms], wider)
        low, high = sorted(self._score(one) for one in (max(least, 0.0), most))
        gain_low, gain_high = sorted(self.sign * min(max(one, 0.0), now) for one in fell)
        return Expected(
            n_rows=int(n_rows),
            doublings=doublings,
            score=self._score(error),
            low=low,
            high=high,
            gain=self.sign * (now - error),
            gain_low=gain_low,
            gain_high=gain_high,
        )

    def _score(self, error: float) -> float:
        unit = metric_of(self.metric).unit
        return min(max(self.best - self.sign * error, unit.least), unit.most)

    @staticmethod
    def _hull(of_forms: Sequence[Array], wider: float) -> tuple[float, float]:
        outside = (1 - BAND) / 2
        low = min(float(np.quantile(one, outside)) for one in of_forms)
        high = max(float(np.quantile(one, 1 - outside)) for one in of_forms)
        return low - wider, high + wider

    def _refuse_ceiling(self, ceiling: float | None) -> None:
        if ceiling is not None and self.errors[-1] <= 0:
            raise DataError(
                "The ceiling is below what is scored already, so it is none.",
                received=f"a ceiling of {ceiling:g}; {self.metric} "
                f"{self.best - self.sign * self.errors[-1]:.3f} with {self.sizes[-1]:.0f} labels",
                hint="leave --ceiling out, or give the agreement on the test rows",
            )

    def _refuse_flat(self, drawn: Array) -> None:
        """Refuse a curve whose rise cannot be told from none."""
        found = slopes(self.sizes, drawn, self.weights)
        low, high = (float(np.quantile(found, one)) for one in ((1 - BAND) / 2, (1 + BAND) / 2))
        if low > 0:
            return
        factor = metric_of(self.metric).unit.factor
        mean = float(slopes(self.sizes, self.errors[None], self.weights)[0])
        rise = f"{factor * mean:+.2f} a doubling ({factor * low:+.2f} to {factor * high:+.2f})"
        is_flat = high < 2 * self.point
        raise DataError(
            "The curve is flat: more labels of this kind will not help."
            if is_flat
            else "The curve cannot be told from a flat one, so it says nothing of more labels.",
            received=f"{self.metric}, {self.sizes[0]:.0f} to {self.sizes[-1]:.0f} labels: {rise}",
            hint="another model or method, or check the labels"
            if is_flat
            else "--seeds 10, or more test rows",
        )

    def _refuse_exponent(self, exponent: float) -> None:
        if EXPONENTS[0] < exponent < EXPONENTS[-1]:
            return
        is_slow = exponent == EXPONENTS[0]
        raise DataError(
            "The curve is no power law that could be continued: it "
            + ("hardly rises." if is_slow else "rises too steeply at its beginning."),
            received=f"an exponent of {exponent:g}, which is at the bound",
            hint="--seeds 10" if is_slow else f"--sizes from {self.sizes[1]:.0f} on",
        )


def best_of(metric: str, ceiling: float | None) -> float:
    """Return the score that cannot be exceeded.

    Raises:
        RecipeError: There is none, or the ceiling is not a score of the metric.
    """
    declared = metric_of(metric)
    if declared.best is None or declared.higher_is_better is None:
        raise RecipeError(
            f"'{metric}' has no best value that its curve could approach.",
            received=metric,
            hint="a metric with a best value: task.options.main_metric=…",
        )
    if ceiling is None:
        return declared.best
    inside = declared.unit.least <= ceiling <= declared.unit.most
    is_better = lower_is_better(metric) == (ceiling >= declared.best)
    if not (inside and (is_better or ceiling == declared.best)):
        raise RecipeError(
            f"A ceiling is a score of '{metric}', not better than its best, {declared.best:g}.",
            received=f"{ceiling:g}",
            hint=f"--ceiling {ceiling / 100:g}" if 1 < ceiling <= 100 else "--ceiling 0.9",
        )
    return ceiling


def refuse_few(sizes: Sequence[int]) -> None:
    """Raise where there are too few sizes to see a curve."""
    if len(sizes) < FEWEST_SIZES:
        raise DataError(
            f"A curve that is continued needs {FEWEST_SIZES} sizes at least.",
            received=f"{len(sizes)}: {', '.join(map(str, sizes)) or 'none'}",
            hint="leave --sizes out, or name more, such as --sizes 25,50,100,200,400",
        )


def _resample(errors: Array) -> Array:
    """Draw draws with replacement, each time on other test rows, (resamples, sizes)."""
    n_draws, _, n_resamples = errors.shape
    random = stream(0, "learning-curve")
    drawn = random.integers(n_draws, size=(RESAMPLES, n_draws))
    tested = np.arange(RESAMPLES) % n_resamples
    return np.asarray(errors[drawn, :, tested[:, None]].mean(axis=1))
