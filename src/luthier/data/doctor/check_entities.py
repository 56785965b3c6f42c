"""The doctor's checks of what is marked inside rows: tagged entities, and choices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from luthier.data.doctor.split_view import Chart, Place, finding
from luthier.results import Finding

OUTSIDE = "O"
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "؟")
LONGEST = 12  # words of an entity that is no whole clause


def check_tags(charts: Sequence[Chart], role: str) -> list[Finding]:
    """Find entities that run over the end of a sentence, and rows of one tag alone."""
    crossing: list[Place] = []
    long: list[Place] = []
    kinds: Counter[str] = Counter()
    for chart in charts:
        for index, tags in enumerate(chart.rows[role]):
            if tags is None:
                continue
            kinds.update(tag for tag in tags if tag != OUTSIDE)
            for first, past in entities(tags):
                if past - first > LONGEST:
                    long.append((chart, index, role))
                if any(word in SENTENCE_ENDS for word in _words(chart, index)[first : past - 1]):
                    crossing.append((chart, index, role))
    every = [(chart, index, role) for chart in charts for index in range(len(chart.rows))]
    return [
        *finding(
            "entity-crosses-sentence",
            "warning",
            "{n} with an entity that goes on after the end of a sentence ({splits}).",
            _once(crossing),
            "look at them: an end that was set too late, or an I- for a B-?",
        ),
        *finding(
            "long-entity",
            "note",
            f"{{n}} with an entity of more than {LONGEST} words ({{splits}}).",
            _once(long),
            "look at them: an end that was set too late?",
        ),
        *finding(
            "no-entities",
            "error",
            f"All words have the tag {OUTSIDE}: there is nothing to find.",
            [] if kinds else every,
            f"data.columns.{role}=the column with the tags",
        ),
    ]


def entities(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Give the entities of IOB2 tags as (first, past) words.

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


def _words(chart: Chart, index: int) -> list[str]:
    text = chart.rows["text"][index]
    return [text[first:past] for first, past in chart.rows["words"][index]]


def _once(places: Sequence[Place]) -> list[Place]:
    """Name a row once, however many of its entities are concerned."""
    seen = {(id(chart), index): (chart, index, role) for chart, index, role in places}
    return list(seen.values())


def check_choices(charts: Sequence[Chart], role: str) -> list[Finding]:
    """Find rows of which two choices are the same, or one is empty."""
    cells = [
        ((chart, index, "choices"), [str(choice).strip() for choice in choices])
        for chart in charts
        for index, choices in enumerate(chart.rows["choices"])
    ]
    return [
        *finding(
            "equal-choices",
            "warning",
            "{n} with the same choice twice: neither can be right alone ({splits}).",
            [place for place, choices in cells if len(set(choices)) < len(choices)],
            "mend the choices, or drop these rows",
        ),
        *finding(
            "empty-choice",
            "warning",
            "{n} with an empty choice ({splits}).",
            [place for place, choices in cells if not all(choices)],
            "fill the choices in, or drop these rows",
        ),
    ]
