"""How many passes over the rows a candidate is given, by the time that is left."""

from __future__ import annotations

EARLY = 10  # share of the time, one in so many, that a first try takes
MOST_FIRST = 3.0  # passes of a first try at most
GROWTH = 3.0  # by what a candidate that leads is lengthened
LEAST_GROWTH = 1.5  # lengthened by less, nothing would be learned
MANY = 6.0  # passes in the time that is left from which on several candidates are tried
SAFETY = 0.93  # share of the time left that is planned with


def first_length(affordable: float) -> float | None:
    """Return the passes of a candidate's first try; None: there is no time for it.

    Args:
        affordable: Passes that the time left is enough for.

    >>> first_length(0.1), first_length(0.7), first_length(4.7), first_length(12), first_length(80)
    (None, 0.65, 4.0, 1.0, 3.0)
    """
    planned = affordable * SAFETY
    if planned < 0.2:
        return None
    if planned < 1:
        return round(planned, 2)
    if affordable < MANY:
        return float(int(planned))
    return float(min(MOST_FIRST, max(1, int(affordable / EARLY))))


def next_length(length: float, affordable: float) -> float | None:
    """Return to how many passes a candidate is lengthened; None: there is no time for it.

    >>> next_length(1.0, 20), next_length(3.0, 5.0), next_length(3.0, 4.0)
    (3.0, 4.65, None)
    """
    planned = min(GROWTH * length, affordable * SAFETY)
    return round(planned, 2) if planned >= LEAST_GROWTH * length else None
