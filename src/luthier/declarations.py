"""What a plug-in declares of what it shows and measures: panels, metrics and their units.

These records stand below everything else, so that a task, a method or a package of a third party
can make them. `metrics/names.py` finds a metric by its name, `report/panels.py` draws a panel.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

JSON = Any  # whatever `json.loads` gives; its shape is checked where it is read


@dataclass(frozen=True)
class Panel:
    """Something to show: kept in the run's `panels.json` and drawn in the report.

    Args:
        kind: Chooses the template: that of the report, or one that a package brings under the entry
            point group `luthier.panels`. A kind without a template is drawn as a plain table.
        heading: Its title on the page; "" takes the usual heading of its kind.
        data: What there is to show, as JSON can hold it.
    """

    kind: str
    heading: str
    data: JSON


@dataclass(frozen=True)
class Unit:
    """How values of a metric are written.

    Args:
        factor: What a value is multiplied by before it is written: 100 for per cent.
        symbol: Written after the value: "%", "ms".
        digits: Decimal places; None writes as many as are significant.
        difference: What a difference of two values is counted in ("points"); "" uses the symbol.
        least: The lowest possible value, at which axes end.
        most: The highest possible value, at which axes end.
    """

    factor: float = 1.0
    symbol: str = ""
    digits: int | None = None
    difference: str = ""
    least: float = -math.inf
    most: float = math.inf


NUMBER = Unit()
SHARE = Unit(100.0, "%", digits=1, difference="points", least=0.0, most=1.0)
MILLISECONDS = Unit(symbol="ms", digits=1)


@dataclass(frozen=True)
class Metric:
    """A metric: what it is called, how its values are written, and which direction is better.

    A plug-in lists its own in a class attribute `metrics`; a package can bring more under the
    entry point group `luthier.metrics`.

    Args:
        name: Its key in `scores.json` and in recipes.
        title: Its name for people.
        higher_is_better: Whether the higher of two values is the better one; None if neither is, so
            that the metric can be shown but not compared by.
        unit: How its values are written.
        best: The value of a system without mistakes; None if there is no such value.
        is_share_of_rows: Whether it is the share of test rows that are right, which has an exact
            interval where all rows or none are.
        is_leading: Whether it stands before the task's other metrics in a wide table.
        note: How it is computed, where others compute it in another way; a footnote of the report.
        by_ratio: Whether two values are compared by their ratio: a difference says nothing without
            their size.
    """

    name: str
    title: str
    _: KW_ONLY
    higher_is_better: bool | None
    unit: Unit = NUMBER
    best: float | None = None
    is_share_of_rows: bool = False
    is_leading: bool = False
    by_ratio: bool = False
    note: str = ""
