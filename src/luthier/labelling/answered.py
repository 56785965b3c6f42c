"""What has been answered, skipped and undone so far, as the journal tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.data.journal import LABEL, NAMES, SKIP, UNDO, Record, standing
from luthier.errors import DataError
from luthier.labelling.journal import Journal
from luthier.labelling.pool import Pool
from luthier.protocols import Task


class Answered:
    """The answers of a journal to the rows of a pool.

    Args:
        journal: The journal.
        pool: The rows.
        task: The task.
        annotator: Who answers now.

    Raises:
        DataError: The journal has answers to other texts of the same names.
    """

    def __init__(self, journal: Journal, pool: Pool, task: Task, annotator: str):
        self.journal, self.pool, self.annotator = journal, pool, annotator
        self.index_of = {one: at for at, one in enumerate(pool.ids)}
        self._refuse_other_texts(task)

    @property
    def standing(self) -> list[Record]:
        """The answers that stand, of all annotators."""
        return [record for _, record in standing(self.journal.records)]

    @property
    def skipped(self) -> set[str]:
        """Names of the rows that this annotator skipped."""
        return self._last(SKIP, self.annotator)

    @property
    def settled(self) -> set[str]:
        """Names of the pool's rows that are not asked for: answered by anybody, or skipped."""
        return (self._last(LABEL) | self.skipped) & self.index_of.keys()

    def _last(self, action: str, annotator: str | None = None) -> set[str]:
        """Name the rows of which the last line of an annotator, or of any, is such an action."""
        last = {(one["id"], one["annotator"]): one for one in self.journal.records}
        return {
            name
            for (name, who), one in last.items()
            if one["action"] == action and annotator in (None, who)
        }

    @property
    def last_done(self) -> Record | None:
        """The last answer or skip of this annotator that was not undone."""
        done: list[Record] = []
        for one in self.journal.records:
            if one["annotator"] == self.annotator and one["action"] != NAMES:
                done = [kept for kept in done if kept["id"] != one["id"]]
                done += [one] if one["action"] != UNDO else []
        return done[-1] if done else None

    def columns(self, names: Sequence[str], *, audit: bool) -> dict[str, list[Any]]:
        """Gather cells of the answers that stand: of audit rows, or of the others."""
        found = [one for one in self.standing if bool(one["audit"]) == audit]
        return {name: [one[name] for one in found] for name in names}

    def _refuse_other_texts(self, task: Task) -> None:
        for record in self.journal.records:
            index = self.index_of.get(record["id"])
            texts: Mapping[str, str] = {} if index is None else self.pool.texts(index, task)
            for role, text in texts.items():
                if record.get(role) != text:
                    was = str(record.get(role))
                    raise DataError(
                        "The file of labels has another text for a row that the pool has, too.",
                        received=f"{record['id']}: {was[:60]!r}, now {text[:60]!r}",
                        hint="--out another.jsonl for another pool",
                    )
