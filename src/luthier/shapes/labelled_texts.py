"""One or two texts, and what is to be learned of them: a label, several labels, or a number.

These are told by names and values together; the more telling shapes are tried before.
"""

from __future__ import annotations

import re

from luthier.columns import Column
from luthier.errors import DataError
from luthier.shapes.profile import Profile, best, name_fit
from luthier.shapes.sheet import Guess, Sheet, plain

TEXT = Column(
    "text",
    "text",
    (
        *("text", "review", "sentence", "tweet", "content", "comment", "message", "body"),
        *("utterance", "question", "query", "document", "description", "review_text"),
    ),
)
LABEL = Column(
    "label",
    "label",
    (
        *("label", "sentiment", "category", "class", "intent", "topic", "target", "stars"),
        *("polarity", "tag", "type", "rating", "y"),
    ),
)
LABELS = Column(
    "labels", "labels", ("labels", "tags", "topics", "emotions", "categories", "genres", "intents")
)
NUMBER = Column("label", "number", ("score", "rating", "value", "similarity", "price", "target"))
PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2")),
    *(("text_a", "text_b"), ("text", "text_pair"), ("query", "passage"), ("question", "answer")),
    *(("claim", "evidence"), ("text1", "text2"), ("sentence_a", "sentence_b")),
)
ASIDE = re.compile(r"title|headline|subject|author|user|name|url|link|summary|id$|^id|date|time")


def labelled_texts(sheet: Sheet) -> Guess | None:
    """Recognise texts with labels or numbers.

    Raises:
        DataError: No column looks like texts, or none like something to learn.
    """
    profiles = sheet.profiles
    texts = _pair(profiles)
    if not texts:
        text = best(profiles, TEXT, ())
        if text is None:
            raise _undecided(sheet, "No column looks like texts: long, varied, of several words.")
        texts = (text,)
    taken = [each.name for each in texts]
    columns = dict(zip(("text", "text_pair"), taken, strict=False))
    reasons = [f"{texts[0].name}: texts of {texts[0].words:.0f} words on average"]
    label, labels, number = (best(profiles, w, taken) for w in (LABEL, LABELS, NUMBER))
    if labels and not (label and name_fit(label.name, LABEL.guesses) > 0.5):
        reasons.append(f"{labels.name}: cells with several of {labels.n_parts} labels")
        columns = {"text": texts[0].name, "labels": labels.name}
        return Guess("multi-label-classification", columns, reasons)
    if label is None and number is not None:
        reasons.append(f"{number.name}: numbers, {number.n_distinct} different ones")
        columns = {"text": texts[0].name, "label": number.name}
        return Guess("text-regression", columns, reasons)
    if label is None:
        raise _undecided(sheet, "No column looks like labels or numbers to learn.")
    reasons += [f"{second.name}: a second text" for second in texts[1:]]
    reasons.append(f"{label.name}: {label.n_distinct} different values")
    task = "pair-classification" if len(texts) == 2 else "text-classification"
    return Guess(task, {**columns, "label": label.name}, reasons)


def _pair(profiles: list[Profile]) -> tuple[Profile, ...]:
    """Find two text columns that form pairs: by their names, or as the only two."""
    by_name = {plain(each.name): each for each in profiles if each.fit("text") > 0}
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return by_name[first], by_name[second]
    texts = [each for name, each in by_name.items() if each.words >= 3 and not ASIDE.search(name)]
    texts = [each for each in texts if each.fit("label") == 0 and each.fit("labels") == 0]
    return (texts[0], texts[1]) if len(texts) == 2 else ()


def _undecided(sheet: Sheet, problem: str) -> DataError:
    return DataError(
        problem,
        received=f"columns {', '.join(sheet.columns)}",
        hint="name the columns: data.columns.text=COLUMN data.columns.label=COLUMN",
    )


SHAPES = (labelled_texts,)
