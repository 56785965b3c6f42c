"""One or two texts, and what is to be learned of them: a label, several labels, or a number.

These are told by names and values together; the more telling shapes are tried before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from luthier.columns import Column
from luthier.data.labels import as_number, have_decimal_commas, is_missing, label_name, separator_of
from luthier.errors import DataError
from luthier.formats.label_cells import BITS, UNJUDGED, count_places
from luthier.shapes.profile import SAMPLE, Profile, name_fit
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
    "labels",
    "labels",
    ("labels", "tags", "topics", "emotions", "categories", "genres", "intents", "accept"),
)
NUMBER = Column(
    "label",
    "value",
    (
        *("score", "rating", "value", "similarity", "price", "target", "relatedness"),
        *("similarity_score", "relatedness_score"),
    ),
)
PAIRS = (
    *(("premise", "hypothesis"), ("sentence1", "sentence2"), ("question1", "question2")),
    *(("text_a", "text_b"), ("text", "text_pair"), ("query", "passage"), ("question", "answer")),
    *(("claim", "evidence"), ("text1", "text2"), ("sentence_a", "sentence_b")),
)
ASIDE = re.compile(r"title|headline|subject|author|user|name|url|link|summary|id$|^id|date|time")


def zeros_and_ones(sheet: Sheet) -> Guess | None:
    """Recognise texts with a column of zeros and ones for each label."""
    names = [each.name for each in sheet.profiles if _is_binary(each, sheet)]
    named = sheet.best(LABEL, names)
    if {"label", "labels"} & set(sheet.given) or len(names) < 2:
        return None
    if any(name_fit(name, LABEL.guesses) > 0.5 for name in [*names, named.name if named else ""]):
        return None
    text = sheet.best(TEXT, names)
    if text is None:
        return None
    return Guess(
        "multi-label-classification",
        {"text": text.name, "labels": names},
        [_why_text(text), f"{', '.join(names)}: 1 where a label is given, else 0"],
        [f"whether each of {', '.join(names)} is a label to learn; leave out what is not"],
    )


def vectors(sheet: Sheet) -> Guess | None:
    """Recognise texts with a vector of zeros and ones for each."""
    labels = sheet.best(LABELS) or sheet.best(LABEL)
    n_places = count_places(sheet.cells(labels.name)) if labels else 0
    text = sheet.best(TEXT, [labels.name] if labels else ())
    if not labels or not text or n_places == 0:
        return None
    return Guess(
        "multi-label-classification",
        {"text": text.name, "labels": labels.name},
        [_why_text(text), f"{labels.name}: vectors of {n_places} zeros and ones, one a label"],
        [f"the {n_places} labels have no names: task.options.label_names=[…] gives them"],
    )


def _is_binary(each: Profile, sheet: Sheet) -> bool:
    if each.n_distinct > 3:
        return False
    column = sheet.rows[each.name]
    some = column[:: max(1, len(column) // SAMPLE)]
    values = {label_name(cell) for cell in some if not is_missing(cell)} - {UNJUDGED}
    return len(values) == 2 and values <= BITS.keys()


def _why_text(text: Profile) -> str:
    return f"{text.name}: texts of {text.words:.0f} words on average"


def labelled_texts(sheet: Sheet) -> Guess | None:
    """Recognise texts with labels or numbers."""
    texts = _texts(sheet)
    taken = [each.name for each in texts]
    label, labels, number = (sheet.best(w, taken) for w in (LABEL, LABELS, NUMBER))
    if not texts:
        return None
    if labels and (label is None or _are_several(labels, label)):
        return _several_labels(texts[0], labels, sheet)
    reasons = [_why_text(texts[0])]
    reasons += [f"{second.name}: a second text" for second in texts[1:]]
    columns = dict(zip(("text", "text_pair"), taken, strict=False))
    kind = "pair" if len(texts) == 2 else "text"
    alone = _alone(texts, sheet)
    if number and (label is None or _means_number(number, label)):
        columns["label"] = number.name
        reasons.append(f"{number.name}: numbers, {number.n_distinct} different ones")
        doubts = [] if label is None else [_other(f"{kind}-classification", "labels", label)]
        if label is None and name_fit(number.name, NUMBER.guesses) == 0:
            doubts += _as_good(number, sheet, taken)
        if have_decimal_commas(sheet.cells(number.name)):
            doubts.append(
                f"{number.name}: commas are read as those of decimals, 1,5 as 1.5; if they part "
                f"labels: --task multi-label-classification data.columns.labels={number.name}"
            )
        return Guess(f"{kind}-regression", columns, reasons, [*doubts, *alone])
    if label is None:
        return None
    columns["label"] = label.name
    reasons.append(f"{label.name}: {label.n_distinct} different values")
    doubts = [*_doubts(label, number, kind), *alone]
    return Guess(f"{kind}-classification", columns, reasons, doubts)


def _several_labels(text: Profile, labels: Profile, sheet: Sheet) -> Guess:
    """Guess texts with several labels in a cell; say so where they could be numbers."""
    name, cells = labels.name, sheet.cells(labels.name)
    mark = separator_of(cells)
    parted = f", parted by '{mark}'" if mark else ""
    reasons = [_why_text(text), f"{name}: cells with several of {labels.n_parts} labels{parted}"]
    could_be_numbers = mark == "," and all(as_number(cell) is not None for cell in cells)
    other = f"--task text-regression data.columns.label={name}"
    doubts = [f"{name}: if commas are those of decimals, 1,5 as 1.5: {other}"]
    return Guess(
        "multi-label-classification",
        {"text": text.name, "labels": name},
        reasons,
        doubts if could_be_numbers else (),
        {"task.options.separator": mark} if mark else {},
    )


def _alone(texts: Sequence[Profile], sheet: Sheet) -> list[str]:
    """Say that two texts may be no pair, where neither names nor the user say that they are."""
    names = tuple(plain(each.name) for each in texts)
    if len(texts) != 2 or names in PAIRS or "text_pair" in sheet.given:
        return []
    longer = max(texts, key=lambda each: each.words)
    return [
        f"{texts[0].name} and {texts[1].name} are read together, as a pair; to read one alone "
        f"(a text without its title, say): --task text-classification "
        f"data.columns.text={longer.name}"
    ]


def _means_number(number: Profile, label: Profile) -> bool:
    """Tell whether a column of numbers is more likely to be meant than one of labels."""
    named = name_fit(number.name, NUMBER.guesses) > name_fit(label.name, LABEL.guesses)
    return named and number.name != label.name


def _doubts(label: Profile, number: Profile | None, kind: str) -> list[str]:
    """Say where numbers could be meant in place of labels."""
    if label.numeric > 0.95 and label.n_distinct > 2:
        task = f"--task {kind}-regression"
        return [f"{label.name}: numbers, taken as labels; if their size counts, {task}"]
    if number and number.name != label.name and name_fit(number.name, NUMBER.guesses) > 0:
        return [_other(f"{kind}-regression", "numbers", number)]
    return []


def _other(task: str, what: str, column: Profile) -> str:
    name = column.name
    return f"{name} has {what}; to learn these, --task {task} data.columns.label={name}"


def _as_good(number: Profile, sheet: Sheet, taken: Sequence[str]) -> list[str]:
    """Name other columns of numbers, where no name tells which is meant."""
    others = [one for one in sheet.profiles if one.name not in (number.name, *taken)]
    names = [one.name for one in others if one.fit("value") >= number.fit("value")]
    if not names:
        return []
    return [f"{', '.join(names)}: numbers, too; to learn these, data.columns.label={names[0]}"]


def _are_several(labels: Profile, label: Profile) -> bool:
    """Return whether a column holds several labels, and not one label with commas in its name."""
    if name_fit(label.name, LABEL.guesses) <= 0.5:
        return True
    return labels.name == label.name and labels.n_parts < labels.n_distinct


def undecided(sheet: Sheet) -> DataError:
    """Say what is missing of texts with labels or numbers."""
    wanted = "labels or numbers to learn"
    if not _texts(sheet):
        wanted = "texts: long, varied, of more than a word"
    hint = "name the columns: data.columns.text=COLUMN data.columns.label=COLUMN"
    if len(sheet.profiles) > 1 and all(0 < each.words <= 1 for each in sheet.profiles):
        hint = f"put a blank line after each sentence, if rows are words with tags; or {hint}"
    return DataError(
        f"No column looks like {wanted}.",
        received=f"{', '.join(sheet.rows.files[:3])}: columns {', '.join(sheet.columns)}",
        hint=hint,
    )


def _texts(sheet: Sheet) -> tuple[Profile, ...]:
    """Find the column of texts, or two that form pairs: by their names, or as the only two."""
    if ("text_pair" in sheet.given or "text" not in sheet.given) and (pair := _pair(sheet)):
        return pair
    text = sheet.best(TEXT)
    return () if text is None else (text,)


def _pair(sheet: Sheet) -> tuple[Profile, ...]:
    if {"text", "text_pair"} <= set(sheet.given):
        named = {each.name: each for each in sheet.profiles}
        return named[sheet.given["text"]], named[sheet.given["text_pair"]]
    others = set(map(str, sheet.given.values()))
    by_name = {
        plain(each.name): each
        for each in sheet.profiles
        if each.fit("text") > 0 and each.name not in others
    }
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return by_name[first], by_name[second]
    texts = [each for name, each in by_name.items() if each.words >= 3 and not ASIDE.search(name)]
    texts = [each for each in texts if each.fit("label") == 0 and each.fit("labels") == 0]
    return (texts[0], texts[1]) if len(texts) == 2 else ()


SHAPES = (vectors, zeros_and_ones, labelled_texts)
