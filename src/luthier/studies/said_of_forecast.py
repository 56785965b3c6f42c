"""What a forecast says in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from luthier.metrics.names import metric_of, title
from luthier.report.formatting import amount, number, scaled, share
from luthier.studies.expected import BAND, Expected, LearningCurve

HINT = 1.5  # doublings beyond which a forecast is a hint


def sentences_of(expected: Sequence[Expected], curve: LearningCurve, n_rows: int) -> Iterator[str]:
    """Say what more labels bring, and how far that can be trusted."""
    for one in expected:
        yield one_sentence(one, curve.metric, n_rows)
    missed = points(curve.missed_a_doubling, curve.metric)
    yield (
        f"Bands hold {share(BAND, digits=0)} of what other draws and test rows would give, widened "
        f"by what the curve missed of larger sizes that are known: {missed} a doubling."
    )


def one_sentence(one: Expected, metric: str, n_rows: int) -> str:
    """Say what so many more labels bring."""
    factor = metric_of(metric).unit.factor
    shown = [f"{factor * end:+.1f}" for end in (one.gain, one.gain_low, one.gain_high)]
    if factor == 1:
        shown = [f"{end:+.3g}" for end in (one.gain, one.gain_low, one.gain_high)]
    unit = metric_of(metric).unit.difference
    ends = [scaled(end, metric_of(metric).unit) for end in (one.low, one.high)]
    hint = ": a hint, as it is far" if one.doublings > HINT else ""
    return (
        f"+{one.n_rows - n_rows:,} labels ≈ {shown[0]}{f' {unit}' * bool(unit)} "
        f"({shown[1]} to {shown[2]}): with {one.n_rows:,}, {title(metric)} "
        f"{amount(one.score, metric)} ({ends[0]} to {ends[1]})"
        f"{hint}."
    )


def points(value: float, metric: str) -> str:
    """Write a difference in the metric's unit."""
    unit = metric_of(metric).unit
    if not unit.difference:
        return number(value)
    return f"{unit.factor * value:.1f} {unit.difference}"
