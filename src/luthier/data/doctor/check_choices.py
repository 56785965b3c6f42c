"""The doctor's checks of the choices of multiple-choice rows."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.data.doctor.split_view import SplitView, finding
from luthier.results import Finding


def check_choices(views: Sequence[SplitView], role: str) -> list[Finding]:
    """Find rows with two equal choices, or with an empty one."""
    cells = [
        ((view, index, "choices"), [str(choice).strip() for choice in choices])
        for view in views
        for index, choices in enumerate(view.rows["choices"])
    ]
    return [
        *finding(
            "equal-choices",
            "warning",
            "{n} with two equal choices: neither can be the only right one ({splits}).",
            [place for place, choices in cells if len(set(choices)) < len(choices)],
            "correct the choices, or drop these rows",
        ),
        *finding(
            "empty-choice",
            "warning",
            "{n} with an empty choice ({splits}).",
            [place for place, choices in cells if not all(choices)],
            "fill in the choices, or drop these rows",
        ),
    ]
