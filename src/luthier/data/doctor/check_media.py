"""The doctor's checks of images and sounds: are they there, whole, and what they say they are?

Copies, leaks and contradictions are found with those of texts, by what the files hold
(`check_duplicates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from luthier.data.doctor.split_view import Place, SplitView, finding
from luthier.errors import DataError
from luthier.media.heads import head_of, is_blank
from luthier.results import Finding

MOST_DECODED = 2000  # files of a split that are looked at as a whole


@dataclass
class Seen:
    """What was seen of the files, by what is wrong with them."""

    absent: list[Place] = field(default_factory=list)
    unread: list[Place] = field(default_factory=list)
    lying: list[Place] = field(default_factory=list)
    blank: list[Place] = field(default_factory=list)
    long: list[Place] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)

    def look(self, source: Any, kind: str, place: Place, max_seconds: float) -> None:
        """Look at the file of one row."""
        if source is None:
            self.absent.append(place)
            return
        try:
            head = head_of(source, kind)
            if place[1] < MOST_DECODED and is_blank(source, kind):
                self.blank.append(place)
        except DataError as problem:
            self.unread.append(place)
            self.reasons.setdefault(problem.received or problem.problem)
            return
        self.lying += [place] * bool(head.ending)
        self.long += [place] * bool(head.seconds and head.seconds > max_seconds)


def check_media(views: Sequence[SplitView], max_seconds: float, is_needed: bool) -> list[Finding]:
    """Check every file that the rows name.

    Args:
        views: The splits.
        max_seconds: What is read of a sound.
        is_needed: Whether a row without its image or sound cannot be learned from.
    """
    seen = Seen()
    for view in views:
        for role, kind in view.media_roles.items():
            for index, source in enumerate(view.sources[role]):
                seen.look(source, kind, (view, index, role), max_seconds)
    why = "; ".join(islice(seen.reasons, 2))
    return [
        *finding(
            "media-not-read",
            "error",
            f"{{n}} with a file that cannot be read ({{splits}}): {why}.",
            seen.unread,
            "put the files there, data.media=the folder that paths are relative to, or leave the "
            "rows out",
        ),
        *finding(
            "media-missing",
            "error" if is_needed else "note",
            "{n} without an image or a sound ({splits}).",
            seen.absent,
            "leave the rows out" if is_needed else None,
        ),
        *finding(
            "media-ending",
            "note",
            "{n} with a file of another format than its name says ({splits}).",
            seen.lying,
            "rename the files",
        ),
        *finding(
            "media-blank",
            "warning",
            "{n} with an image of one colour or a silent sound ({splits}).",
            seen.blank,
            "leave their cells empty: an input that is absent is not one that is blank",
        ),
        *finding(
            "media-cut-off",
            "warning",
            f"{{n}} with a sound of more than {max_seconds:g} seconds ({{splits}}), which is cut.",
            seen.long,
            f"data.max_seconds={2 * max_seconds:g}",
        ),
    ]
