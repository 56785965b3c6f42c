"""Images or sounds, in files that are named or as bytes, alone or beside texts, with labels."""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from luthier.columns import Column
from luthier.media import images, sounds
from luthier.media.files import kind_held
from luthier.shapes.labelled_texts import LABEL, NUMBER, TEXT
from luthier.shapes.sheet import Guess, Sheet

KINDS = {"image": images.ENDINGS, "audio": sounds.ENDINGS}
LABEL_OF = Column("label", "label", (*LABEL.guesses, "digit", "word", "kind", "speaker"))
ENCODERS = {"image": "facebook/dinov2-small", "audio": "facebook/wav2vec2-base"}  # on the hub
MOST = 0.8  # share of the cells that end as names of such files do


def texts_with_media(sheet: Sheet) -> Guess | None:
    """Recognise texts beside images or sounds that are there, with a label or a number."""
    media = {
        kind: name for kind in KINDS if (name := _column_of(sheet, kind)) and _is_there(sheet, name)
    }
    text = sheet.best(TEXT, beside(media.values()))
    taken = [text.name if text else "", *beside(media.values())]
    label, number = sheet.best(LABEL_OF, taken), sheet.best(NUMBER, taken)
    found = label or number
    if text is None or not media or found is None or sheet.given:
        return None
    inputs = {text.name: "text", **{name: kind for kind, name in media.items()}}
    others = [name for name in sheet.columns if name not in (*inputs, found.name)]
    doubts = [
        f"the encoders of {' and '.join(media)} are frozen; others: task.options.encoders",
        *([f"{', '.join(others)}: not read; kinds number and category read more"] * bool(others)),
    ]
    return Guess(
        "multimodal-classification" if label else "multimodal-regression",
        {**{name: name for name in inputs}, "label": found.name},
        [
            f"{text.name}: texts; {', '.join(media.values())}: media that are there",
            f"{found.name}: {found.n_distinct} different values",
        ],
        doubts,
        {
            "task.options.inputs": inputs,
            "task.options.encoders": {kind: ENCODERS[kind] for kind in media},
        },
    )


def _is_there(sheet: Sheet, name: str) -> bool:
    """Return whether the first file of a column is in its cell, or lies beside the table."""
    cells = sheet.cells(name)
    if not cells or kind_held(cells[0]):
        return bool(cells)
    folder = os.path.dirname(sheet.rows.files[0])
    return os.path.isfile(os.path.join(folder, str(cells[0])))


def beside(media: Iterable[str]) -> list[str]:
    """Name columns of media, and those of the names that `datasets` keeps beside their bytes."""
    return [one for name in media for one in (name, f"{name.removesuffix('.bytes')}.path")]


def labelled_media(sheet: Sheet) -> Guess | None:
    """Recognise labelled images or sounds, where no column holds texts."""
    for kind in KINDS:
        column = sheet.given.get(kind) or _column_of(sheet, kind)
        if column is None:
            continue
        own, is_held = beside([column]), any(map(kind_held, sheet.cells(column)[:1]))
        label, text = sheet.best(LABEL_OF, own), sheet.best(TEXT, own)
        if label is None or (text is not None and text.name != label.name):
            continue
        what = {"image": "images", "audio": "sounds"}[kind]
        where = f"{column}: paths are relative to this file; to another folder: data.media=FOLDER"
        doubts = [] if is_held else [where]
        other = sheet.best(LABEL_OF, [*own, label.name])
        if other is not None and "label" not in sheet.given:
            doubts.append(f"{other.name} could be learned as well: data.columns.label={other.name}")
        return Guess(
            f"{kind}-classification",
            {kind: column, "label": label.name},
            [
                f"{column}: {'the bytes' if is_held else 'names'} of {what}",
                f"{label.name}: {label.n_distinct} different values",
            ],
            doubts,
        )
    return None


def _column_of(sheet: Sheet, kind: str) -> str | None:
    """Name the column whose cells name or hold such files; None if there is none."""
    for name in sorted(sheet.columns, key=lambda name: not name.endswith(".bytes")):
        cells = sheet.cells(name)
        named = [
            (isinstance(one, str) and one.lower().endswith(KINDS[kind])) or kind_held(one) == kind
            for one in cells
        ]
        if cells and sum(named) >= MOST * len(cells):
            return name
    return None


SHAPES = (texts_with_media, labelled_media)
