"""The doctor's checks of images and sounds: are they there, whole, and what they say they are?

Copies, leaks and contradictions are found with those of texts, by what the files hold
(`check_duplicates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from luthier.data.doctor.split_view import Place, SplitView, finding
from luthier.errors import DataError
from luthier.media.heads import head_of, is_blank
from luthier.results import Finding

MOST_DECODED = 2000  # files of a split that are looked at as a whole


def check_media(views: Sequence[SplitView], max_seconds: float, is_needed: bool) -> list[Finding]:
    """Check every file that the rows name.

    Args:
        views: The splits.
        max_seconds: What is read of a sound.
        is_needed: Whether a row without its image or sound cannot be learned from.
    """
    absent: list[Place] = []
    unread: list[Place] = []
    lying: list[Place] = []
    blank: list[Place] = []
    long: list[Place] = []
    reasons: dict[str, None] = {}
    for view in views:
        for role, kind in view.media_roles.items():
            for index, source in enumerate(view.sources[role]):
                place = (view, index, role)
                if source is None:
                    absent.append(place)
                    continue
                try:
                    head = head_of(source, kind)
                    if index < MOST_DECODED and is_blank(source, kind):
                        blank.append(place)
                except DataError as problem:
                    unread.append(place)
                    reasons.setdefault(problem.received or problem.problem)
                    continue
                lying += [place] * bool(head.ending)
                long += [place] * bool(head.seconds and head.seconds > max_seconds)
    why = "; ".join(islice(reasons, 2))
    return [
        *finding(
            "media-not-read",
            "error",
            f"{{n}} with a file that cannot be read ({{splits}}): {why}.",
            unread,
            "put the files there, data.media=the folder that paths are relative to, or leave the "
            "rows out",
        ),
        *finding(
            "media-missing",
            "error" if is_needed else "note",
            "{n} without an image or a sound ({splits}).",
            absent,
            "leave the rows out" if is_needed else None,
        ),
        *finding(
            "media-ending",
            "note",
            "{n} with a file of another format than its name says ({splits}).",
            lying,
            "rename the files",
        ),
        *finding(
            "media-blank",
            "warning",
            "{n} with an image of one colour or a silent sound ({splits}).",
            blank,
            "leave their cells empty: an input that is absent is not one that is blank",
        ),
        *finding(
            "media-cut-off",
            "warning",
            f"{{n}} with a sound of more than {max_seconds:g} seconds ({{splits}}), which is cut.",
            long,
            f"data.max_seconds={2 * max_seconds:g}",
        ),
    ]
