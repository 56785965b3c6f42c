"""Names of files of images or sounds, with a label for each."""

from __future__ import annotations

from luthier.columns import Column
from luthier.media import images, sounds
from luthier.shapes.labelled_texts import LABEL, TEXT
from luthier.shapes.sheet import Guess, Sheet

KINDS = {"image": images.ENDINGS, "audio": sounds.ENDINGS}
LABEL_OF = Column("label", "label", (*LABEL.guesses, "digit", "word", "kind", "speaker"))
MOST = 0.8  # share of the cells that end as names of such files do


def labelled_media(sheet: Sheet) -> Guess | None:
    """Recognise labelled images or sounds, where no column holds texts."""
    for kind, endings in KINDS.items():
        column = sheet.given.get(kind) or _column_of(sheet, endings)
        if column is None or sheet.best(TEXT, [column]) is not None:
            continue
        label = sheet.best(LABEL_OF, [column])
        if label is None:
            continue
        what = {"image": "images", "audio": "sounds"}[kind]
        doubts = [
            f"{column}: paths are relative to this file; to another folder: data.media=FOLDER"
        ]
        other = sheet.best(LABEL_OF, [column, label.name])
        if other is not None and "label" not in sheet.given:
            doubts.append(f"{other.name} could be learned as well: data.columns.label={other.name}")
        return Guess(
            f"{kind}-classification",
            {kind: column, "label": label.name},
            [f"{column}: names of {what}", f"{label.name}: {label.n_distinct} different values"],
            doubts,
        )
    return None


def _column_of(sheet: Sheet, endings: tuple[str, ...]) -> str | None:
    """Name the column whose cells end as names of such files do; None if there is none."""
    for name in sheet.columns:
        cells = sheet.cells(name)
        named = [isinstance(one, str) and one.lower().endswith(endings) for one in cells]
        if cells and sum(named) >= MOST * len(cells):
            return name
    return None


SHAPES = (labelled_media,)
