"""Find a metric by its name: its title, its unit, and which direction is better.

Each module of this folder declares the metrics that it computes (`METRICS`); the catalogue lists
those modules. A plug-in declares further ones in its class attribute `metrics`, a package under the
entry point group `luthier.metrics`.
"""

from __future__ import annotations

from functools import cache

from luthier.declarations import SHARE, Metric
from luthier.errors import LuthierError
from luthier.registry import declared


@cache
def declared_metric(name: str) -> Metric | None:
    """Find the declaration of a metric; None if nobody declares it."""
    return next((one for one in declared("metrics") if one.name == name), None)


def metric_of(name: str) -> Metric:
    """Describe a metric; one that nobody declares is a plain number whose direction is unknown."""
    return declared_metric(name) or Metric(name, name, higher_is_better=None)


def lower_is_better(name: str) -> bool:
    """Say whether the lower of two values of a metric is the better one.

    Raises:
        LuthierError: The metric is not declared, or is declared as having no better direction.
    """
    direction = metric_of(name).higher_is_better
    if direction is None:
        raise LuthierError(
            f"Systems cannot be compared by '{name}': which direction is better is not declared.",
            received=name,
            hint=f'metrics = (Metric("{name}", "…", higher_is_better=True),) in the '
            "class of the task that measures it",
        )
    return not direction


def as_points(name: str) -> bool:
    """Say whether a metric is a share, shown in per cent and its differences in points."""
    return metric_of(name).unit == SHARE


def title(name: str) -> str:
    """Give a metric's name for people."""
    return metric_of(name).title
