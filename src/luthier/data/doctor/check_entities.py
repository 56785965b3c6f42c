"""The doctor's checks of entities tagged in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from luthier.data.doctor.split_view import Place, SplitView, every_row, finding
from luthier.results import Finding

OUTSIDE = "O"
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "؟")
LONGEST = 12  # words; a longer entity is probably a whole clause


def check_tags(views: Sequence[SplitView], role: str) -> list[Finding]:
    """Find entities that cross the end of a sentence or are very long, and data without any."""
    crossing: list[Place] = []
    long: list[Place] = []
    kinds: Counter[str] = Counter()
    for view in views:
        for index, tags in enumerate(view.rows[role]):
            if tags is None:
                continue
            kinds.update(tag for tag in tags if tag != OUTSIDE)
            for first, past in entities(tags):
                if past - first > LONGEST:
                    long.append((view, index, role))
                if any(word in SENTENCE_ENDS for word in _words(view, index)[first : past - 1]):
                    crossing.append((view, index, role))
    every = [place for view in views for place in every_row(view, role)]
    return [
        *finding(
            "entity-crosses-sentence",
            "warning",
            "{n} with an entity that continues past the end of a sentence ({splits}).",
            _once(crossing),
            "check them: does the entity end too late, or is an I- meant to be a B-?",
        ),
        *finding(
            "long-entity",
            "note",
            f"{{n}} with an entity of more than {LONGEST} words ({{splits}}).",
            _once(long),
            "check them: does the entity end too late?",
        ),
        *finding(
            "no-entities",
            "error",
            f"All words have the tag {OUTSIDE}: there is nothing to learn.",
            [] if kinds else every,
            f"data.columns.{role}=the column with the tags",
        ),
    ]


def entities(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Read the entities of IOB2 tags as (first, past) words.

    >>> entities(["B-PER", "I-PER", "O", "B-LOC"])
    [(0, 2), (3, 4)]
    """
    found: list[tuple[int, int]] = []
    for place, tag in enumerate(tags):
        if tag.startswith("B-"):
            found.append((place, place + 1))
        elif tag.startswith("I-") and found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
    return found


def _words(view: SplitView, index: int) -> list[str]:
    text = view.rows["text"][index]
    return [text[first:past] for first, past in view.rows["words"][index]]


def _once(places: Sequence[Place]) -> list[Place]:
    """Name each row once, however many of its entities are concerned."""
    seen = {(id(view), index): (view, index, role) for view, index, role in places}
    return list(seen.values())
