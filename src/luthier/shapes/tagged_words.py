"""Words with tags, tables with a row a word, and texts with marked spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from luthier.columns import Column
from luthier.data.cells import structure_of
from luthier.formats.marked_spans import is_spans
from luthier.formats.tagged_tokens import SENTENCE
from luthier.shapes.sheet import Guess, Sheet, by_names
from luthier.text.tag_forms import in_usual_form, other_form
from luthier.text.tags import OUTSIDE, detect_scheme

TASK = "token-classification"
TOKENS = ("tokens", "words")
TAGS = ("tags", "ner_tags", "pos_tags", "labels")
SENTENCES = ("sentence_id", "sent_id", "sentence", "sentence_no", "sentence_number", "sent")
MARKED = ("spans", "entities", "label", "labels", "annotations", "ner", "annotation")
SCHEME = "task.options.scheme"
TEXT = Column("text", "text", ("text", "sentence", "content", "document"))


def rows_of_words(sheet: Sheet) -> Guess | None:
    """Recognise a table with a row for each word, by a column that tells sentences apart."""
    roles = {
        SENTENCE: SENTENCES,
        "tokens": (*TOKENS, "word", "token"),
        "tags": (*TAGS, "tag", "ner", "ner_tag", "label", "pos"),
    }
    guess = by_names(sheet, TASK, roles, "a row for each word, and what tells sentences apart")
    if guess is None or not _are_single_words(sheet.cells(guess.columns["tokens"])):
        return None
    return _with_scheme(guess, [[str(tag) for tag in sheet.cells(guess.columns["tags"])]])


def tagged_words(sheet: Sheet) -> Guess | None:
    """Recognise a column of words beside a column of tags."""
    guess = by_names(sheet, TASK, {"tokens": TOKENS, "tags": TAGS}, "words with tags")
    if guess is None:
        return None
    guess = _with_scheme(guess, [_listed(cell) for cell in sheet.cells(guess.columns["tags"])])
    if not _are_single_words(sheet.cells(guess.columns["tokens"])):
        return guess
    unsure = "Each row has one word: name the column that tells sentences apart"
    return replace(guess, unsure=[*guess.unsure, f"{unsure}, data.columns.{SENTENCE}=COLUMN"])


def marked_spans(sheet: Sheet) -> Guess | None:
    """Recognise texts beside lists of marked spans."""
    marked = sheet.find("spans", *MARKED)
    cells = sheet.cells(marked) if marked else []
    if marked is None or not any(map(is_spans, cells)):
        return None
    best = sheet.best(TEXT, [marked])
    if best is None:
        return None
    why = [f"columns {best.name}, {marked}: texts with marked spans"]
    return Guess(TASK, {"text": best.name, "spans": marked}, why)


def _are_single_words(cells: Sequence[object]) -> bool:
    """Say whether cells hold a word each, rather than lists of words."""
    if not all(isinstance(cell, (str, int, float)) for cell in cells):
        return False
    return all(len(str(cell).split()) == 1 and structure_of(cell) is cell for cell in cells)


def _listed(cell: object) -> list[str]:
    cell = structure_of(cell)
    if isinstance(cell, str):
        return cell.split()
    return [str(part) for part in cell] if isinstance(cell, (list, tuple)) else []


def _with_scheme(guess: Guess, sentences: list[list[str]]) -> Guess:
    """Propose the scheme of tags that mark no spans by prefixes."""
    if form := other_form(sentences):
        sentences = [in_usual_form(one, form) for one in sentences]
    seen = {tag for one in sentences for tag in one}
    if not seen or detect_scheme(sentences) != "plain":
        return guess
    fields: Mapping[str, object] = {**guess.fields, SCHEME: "plain"}
    if OUTSIDE not in seen or all(tag.isdigit() for tag in seen):
        return replace(guess, fields=fields)
    unsure = f"Tags without B- or I- beside {OUTSIDE} are taken for entities; parts of speech"
    return replace(
        guess,
        fields={**guess.fields, SCHEME: "IO"},
        unsure=[*guess.unsure, f"{unsure} are {SCHEME}=plain"],
    )


SHAPES = (rows_of_words, tagged_words, marked_spans)
