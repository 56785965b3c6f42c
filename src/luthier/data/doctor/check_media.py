"""The doctor's checks of images and sounds: are they there, whole, and what they say they are?

Copies, leaks and contradictions are found with those of texts, by what the files hold
(`check_duplicates.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any

import numpy as np

from luthier.data.doctor.split_view import Place, SplitView, finding
from luthier.errors import DataError
from luthier.media.alike import alike, looks_of, stacked
from luthier.media.heads import decoded_of, digest_of, head_of, is_blank
from luthier.results import Finding

MOST_DECODED = 2000  # files of a split that are looked at as a whole
LEAST_APART = 0.05  # share of rows without an input, between training and test


@dataclass
class Seen:
    """What was seen of the files, by what is wrong with them."""

    absent: list[Place] = field(default_factory=list)
    unread: list[Place] = field(default_factory=list)
    lying: list[Place] = field(default_factory=list)
    blank: list[Place] = field(default_factory=list)
    long: list[Place] = field(default_factory=list)
    alike: list[Place] = field(default_factory=list)
    looks: list[tuple[Place, Any]] = field(default_factory=list)
    reasons: dict[str, None] = field(default_factory=dict)

    def look(self, source: Any, kind: str, place: Place, max_seconds: float) -> None:
        """Look at the file of one row."""
        if source is None:
            self.absent.append(place)
            return
        try:
            head = head_of(source, kind)
            if place[1] < MOST_DECODED:
                self.look_closely(source, kind, place)
        except DataError as problem:
            self.unread.append(place)
            self.reasons.setdefault(problem.received or problem.problem)
            return
        self.lying += [place] * bool(head.ending)
        self.long += [place] * bool(head.seconds and head.seconds > max_seconds)

    def look_closely(self, source: Any, kind: str, place: Place) -> None:
        """Decode the file of one row."""
        decoded = decoded_of(source, kind)
        if is_blank(decoded, kind):
            self.blank.append(place)
        elif kind == "image" and (looks := looks_of(decoded)) is not None:
            self.looks.append((place, looks))

    def compare(self, views: Sequence[SplitView]) -> None:
        """Find images that look like one of an earlier split, and are other files."""
        for earlier, later in combinations([view.split for view in views], 2):
            before, after = (
                [one for one in self.looks if one[0][0].split == split]
                for split in (earlier, later)
            )
            held = {digest_at(place) for place, _ in before}
            new = [one for one in after if digest_at(one[0]) not in held]
            found = alike(*(stacked([look for _, look in part]) for part in (new, before)))
            self.alike += [
                place for (place, _), is_alike in zip(new, found, strict=True) if is_alike
            ]


def digest_at(place: Place) -> bytes:
    """Digest what the file at a place holds."""
    view, index, role = place
    return digest_of(view.sources[role][index])


def uneven(views: Sequence[SplitView]) -> list[Finding]:
    """Say which input is absent far more often in one of training and test than in the other."""
    parts = {view.split: view for view in views}
    if not {"train", "test"} <= parts.keys():
        return []
    found = []
    for role in parts["train"].media_roles:
        absent = {
            split: np.array([one is None for one in parts[split].sources[role]], dtype=float)
            for split in ("train", "test")
        }
        shares = {split: float(one.mean()) if len(one) else 0.0 for split, one in absent.items()}
        pooled = float(np.concatenate(list(absent.values())).mean())
        spread = (
            pooled * (1 - pooled) * sum(1 / max(1, len(one)) for one in absent.values())
        ) ** 0.5
        apart = abs(shares["train"] - shares["test"])
        if apart > max(LEAST_APART, 3 * spread):
            found.append(
                Finding(
                    "media-missing-unevenly",
                    "warning",
                    f"{role} is absent in {shares['train']:.0%} of the training rows and in "
                    f"{shares['test']:.0%} of the test rows.",
                    count=int(absent["test"].sum() + absent["train"].sum()),
                    fix="test rows in which inputs are absent as often as in use",
                )
            )
    return found


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
    seen.compare(views)
    why = "; ".join(islice(seen.reasons, 2))
    return [
        *uneven(views),
        *finding(
            "media-near-duplicate",
            "warning",
            "{n} with an image that looks like one of an earlier split ({splits}).",
            seen.alike,
            "data.split.group_by=COLUMN keeps images of one thing in one split",
        ),
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
