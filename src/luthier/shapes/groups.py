"""Finds the column by which rows belong together, so that no split shares what they have in common.

Questions on one context, pairs with one premise, or texts of one author are easier to answer when
others of the same group were learned.
"""

from __future__ import annotations

from collections import Counter

from luthier.data.labels import is_missing, label_name
from luthier.shapes.sheet import Guess, Sheet, plain

INPUTS = ("context", "text", "text_pair")  # inputs of tasks that have several
SOURCES = (  # usual names of columns that say where a text comes from
    *("document", "document_id", "doc_id", "docid", "article_id", "conversation_id", "dialogue_id"),
    *("dialog_id", "thread_id", "session_id", "patient", "patient_id", "author", "author_id"),
    *("user", "user_id", "userid", "username", "user_name", "speaker", "speaker_id", "subject_id"),
)
FEWEST = 10  # groups, to have some for each split
ASKED = 20  # questions on a context, at most; what more rows share is a stock phrase
LARGEST = 0.2  # of all rows, that a group may have
SHARE = 0.1  # of the rows, that must have others in their group


def group_column(sheet: Sheet, guess: Guess) -> tuple[str, str] | None:
    """Name the column by which to split whole groups, and say why; None if there is none.

    >>> from luthier.records import Rows
    >>> rows = {"text": [f"Post {n}" for n in range(60)], "label": [*"ab"] * 30}
    >>> rows["author"] = [f"user {n // 4}" for n in range(60)]
    >>> columns = {"text": "text", "label": "label"}
    >>> group_column(Sheet(Rows.of(rows)), Guess("text-classification", columns))[0]
    'author'
    """
    roles = {role: column for role, column in guess.columns.items() if role in INPUTS}
    inputs = list(roles.values()) if len(roles) > 1 or "question" in guess.columns else []
    named = [name for name in sheet.columns if plain(name) in SOURCES]
    answers = [column for role, column in guess.columns.items() if role not in INPUTS]
    for column in (*inputs, *named):
        if column in answers or column not in sheet.rows:  # it may be a field within cells
            continue
        counts = Counter(label_name(cell) for cell in sheet.rows[column] if not is_missing(cell))
        together = sum(count for count in counts.values() if count > 1)
        n_rows = len(sheet.rows)
        fewest = max(FEWEST, n_rows / ASKED) if column in inputs else FEWEST
        is_apt = len(counts) >= fewest and max(counts.values()) <= LARGEST * n_rows
        if is_apt and together >= SHARE * n_rows:
            return column, f"{column}: {together:,} of {n_rows:,} rows share it, in one split each"
    return None
