"""Two texts a row, without labels, of which one is to be written for the other.

What they are to each other is not known; their lengths tell most.
"""

from __future__ import annotations

from luthier.shapes.labelled_texts import ASIDE
from luthier.shapes.profile import Profile
from luthier.shapes.sheet import Guess, Sheet, plain

VARIED = 0.3  # share of the texts that differ
SHORTER = 0.5  # words of a summary for each word of its text, at most


def two_texts(sheet: Sheet) -> Guess | None:
    """Recognise a text beside a text, which becomes a translation or a summary."""
    texts = [each for each in sheet.profiles if _is_text(each)]
    if len(texts) != 2:
        return None
    first, second = texts
    if min(first.words, second.words) < SHORTER * max(first.words, second.words):
        text, target = sorted(texts, key=lambda each: -each.words)
        return _guess("summarization", "translation", text, target)
    return _guess("translation", "summarization", first, second)


def _is_text(each: Profile) -> bool:
    is_varied = each.n_distinct >= VARIED * each.n
    return each.fit("text") > 0 and is_varied and not ASIDE.search(plain(each.name))


def _guess(task: str, other: str, text: Profile, target: Profile) -> Guess:
    columns = {"text": text.name, "target": target.name}
    reasons = [
        f"{text.name}: texts of {text.words:.0f} words on average",
        f"{target.name}: texts of {target.words:.0f} words, to be written for them",
    ]
    named = f"data.columns.text={text.name} data.columns.target={target.name}"
    return Guess(task, columns, reasons, [f"{task} is a guess; if not: --task {other} {named}"])


SHAPES = (two_texts,)
