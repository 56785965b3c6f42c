"""Words with tags, tables with a row a word, and texts with marked spans."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from luthier.columns import Column
from luthier.data.cells import structure_of
from luthier.errors import DataError
from luthier.formats.marked_spans import is_spans, read_spans
from luthier.formats.tagged_tokens import SENTENCE
from luthier.shapes.sheet import SOME, Guess, Sheet, by_names
from luthier.text.tag_forms import in_usual_form, other_form
from luthier.text.tags import OUTSIDE, detect_scheme
from luthier.text.words import split_words

TASK = "token-classification"
TOKENS = ("tokens", "words", "tokenized_text")
OFFSETS = "task.options.offsets"
TAGS = ("tags", "ner_tags", "pos_tags", "labels")
WORD = (*TOKENS, "word", "token", "form")
TAG = (*TAGS, "tag", "ner", "ner_tag", "label", "pos")
SENTENCES = ("sentence_id", "sent_id", "sentence", "sentence_no", "sentence_number", "sent")
MARKED = ("spans", "entities", "label", "labels", "annotations", "ner", "annotation")
SCHEME = "task.options.scheme"
COLUMNS_OF_CONLL_U = 10
TAG_OF_ENTITY = re.compile(r"O|[BIESLUM]-\S+")
TEXT = Column("text", "text", ("text", "sentence", "content", "document"))


def rows_of_words(sheet: Sheet) -> Guess | None:
    """Recognise a table with a row for each word, by a column that tells sentences apart."""
    roles = {
        SENTENCE: SENTENCES,
        "tokens": WORD,
        "tags": TAG,
    }
    guess = by_names(sheet, TASK, roles, "a row for each word, and what tells sentences apart")
    if guess is None or not _are_single_words(sheet.cells(guess.columns["tokens"])):
        return None
    return _with_scheme(guess, [[str(tag) for tag in sheet.cells(guess.columns["tags"])]])


def numbered_words(sheet: Sheet) -> Guess | None:
    """Recognise words that are numbered, by lists of 1, 2, 3 … where the words would be.

    Then come the words, and what CoNLL-U and GermEval 2014 have first of the tags that are few:
    universal parts of speech in the fourth of ten columns, outer entities in the third of four.
    """
    if not {"tokens", "column_2", "column_3", "tags"} <= {*sheet.columns}:
        return None
    cells = sheet.cells("tokens")
    if any(cell != [str(number + 1) for number in range(len(cell))] for cell in cells):
        return None
    usual = "column_4" if len(sheet.columns) == COLUMNS_OF_CONLL_U else "column_3"
    columns = {"tokens": "column_2", "tags": usual, **sheet.given}
    left = ", ".join(name for name in sheet.columns[2:] if name != usual)
    why = [f"columns {columns['tokens']}, {columns['tags']}: numbered words with tags"]
    doubt = f"whether {usual} has the tags to learn, or data.columns.tags= one of {left}"
    guess = Guess(TASK, columns, why, [] if "tags" in sheet.given else [doubt])
    return _with_scheme(guess, [_listed(cell) for cell in sheet.cells(columns["tags"])])


def tagged_words(sheet: Sheet) -> Guess | None:
    """Recognise a column of words beside a column of tags."""
    roles = {"tokens": TOKENS, "tags": TAGS}
    guess = by_names(sheet, TASK, roles, "words with tags") or _words_of_a_table(sheet)
    if guess is None or any(map(is_spans, sheet.cells(guess.columns["tags"]))):
        return None
    guess = _with_scheme(guess, [_listed(cell) for cell in sheet.cells(guess.columns["tags"])])
    if not _are_single_words(sheet.cells(guess.columns["tokens"])):
        return guess
    unsure = (
        "each row has one word, which is a sentence of its own: put a blank line after each "
        f"sentence in the file, or name the column that tells them apart: data.columns.{SENTENCE}="
    )
    return replace(guess, unsure=[*guess.unsure, f"{unsure}COLUMN"])


def words_beside_tags(sheet: Sheet) -> Guess | None:
    """Recognise words and as many tags of entities in every row, whatever their columns are called.

    `show flights to boston` beside `O O O B-city`: so are the slots of ATIS and SNIPS published.
    """
    listed = {name: [_listed(cell) for cell in sheet.cells(name)] for name in sheet.columns}
    for name, rows in listed.items():
        seen = {tag for row in rows for tag in row}
        if len(seen) < 2 or not all(map(TAG_OF_ENTITY.fullmatch, seen)):
            continue
        lengths = [len(row) for row in rows]
        for words, others in listed.items():
            if words != name and [len(row) for row in others] == lengths:
                why = [f"columns {words}, {name}: words with as many tags"]
                return _with_scheme(Guess(TASK, {"tokens": words, "tags": name}, why), rows)
    return None


def _words_of_a_table(sheet: Sheet) -> Guess | None:
    """Recognise lists of words and tags under the names that tables with a row a word have."""
    roles = {"tokens": WORD, "tags": TAG}
    guess = by_names(sheet, TASK, roles, "words with tags")
    cells = sheet.cells(guess.columns["tokens"]) if guess else []
    is_listed = bool(cells) and all(isinstance(cell, list) for cell in cells)
    return guess if is_listed or _are_single_words(cells) else None


def marked_spans(sheet: Sheet) -> Guess | None:
    """Recognise texts beside lists of marked spans."""
    marked = sheet.find("spans", *MARKED)
    cells = sheet.cells(marked) if marked else []
    if marked is None or not any(map(is_spans, cells)):
        return None
    if guess := _spans_of_tokens(sheet, marked):
        return guess
    best = sheet.best(TEXT, [marked])
    if best is None:
        return None
    why = [f"columns {best.name}, {marked}: texts with marked spans"]
    return Guess(TASK, {"text": best.name, "spans": marked}, why)


def _spans_of_tokens(sheet: Sheet, marked: str) -> Guess | None:
    """Recognise spans that count tokens: none ends behind the last of its row.

    Where a text stands beside the tokens, spans that end with its words count characters.
    """
    tokens = sheet.find("tokens", *TOKENS, "sentence", "text")
    if tokens is None or tokens == marked:
        return None
    text = sheet.best(TEXT, [marked, tokens])
    n_words = 0  # spans that begin and end with words of the text
    ends: list[tuple[int, int, int]] = []  # first, last or past, tokens of the row
    for row in range(min(SOME, len(sheet.rows))):
        listed, cell = structure_of(sheet.rows[tokens][row]), sheet.rows[marked][row]
        is_list = isinstance(listed, (list, tuple)) and all(isinstance(one, str) for one in listed)
        if not is_list:
            return None
        try:
            spans = [] if cell is None else read_spans(cell, "")
        except DataError:
            return None
        ends += [(first, past, len(listed)) for first, past, _ in spans]
        words = split_words(str(sheet.rows[text.name][row])) if text else []
        starts, pasts = {first for first, _ in words}, {past for _, past in words}
        n_words += sum(first in starts and past in pasts for first, past, _ in spans)
    if not ends or any(past > n_tokens for _, past, n_tokens in ends):
        return None
    if 2 * n_words > len(ends):
        return None
    is_inclusive = any(first == past for first, past, _ in ends)
    offsets = "tokens-inclusive" if is_inclusive else "tokens"
    counted = "their last token" if is_inclusive else "the token after their last"
    why = [f"columns {tokens}, {marked}: tokens with marked spans, which name {counted}"]
    is_sure = is_inclusive or any(past == n_tokens for _, past, n_tokens in ends)
    doubt = f"if spans name their last token, {OFFSETS}=tokens-inclusive"
    columns = {"tokens": tokens, "spans": marked}
    return Guess(TASK, columns, why, [] if is_sure else [doubt], {OFFSETS: offsets})


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


SHAPES = (rows_of_words, numbered_words, tagged_words, words_beside_tags, marked_spans)
