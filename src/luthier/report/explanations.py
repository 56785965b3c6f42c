"""Draws explanations: each word shaded by what it added, with the numbers in a table."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.declarations import JSON


def draw(explanations: Sequence[JSON]) -> str:
    """Draw explanations as HTML that stands alone.

    Args:
        explanations: As `Explanation.to_json` gives them.
    """
    return ""
