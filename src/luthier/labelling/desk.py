"""The desk: asks for one answer after another, and keeps each before it asks for the next.

    with luthier.label("recipe.yaml", pool="pool.csv") as desk:
        while question := desk.ask():
            desk.tell("positive")

A share of the rows is set aside at random, whatever a strategy wants: the audit rows. No model
learns from them, so they alone score it. All others are chosen by a strategy, a batch at a time,
and by a model that is trained on the answers so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from luthier.data.journal import LABEL, SKIP, UNDO, Record
from luthier.errors import DataError
from luthier.labelling.answered import Answered
from luthier.labelling.answers import Answers
from luthier.labelling.batches import Batches
from luthier.labelling.journal import Journal
from luthier.labelling.orders import Choice, Chooser, Reply
from luthier.labelling.pool import Pool
from luthier.labelling.questions import Plan, Question
from luthier.protocols import Task
from luthier.recipe.tree import Recipe
from luthier.records import Rows


class Desk:
    """Asks for answers and keeps them.

    Args:
        recipe: The recipe.
        pool: The rows.
        task: The task.
        answers: What an answer is.
        journal: Where answers are kept.
        chooser: Trains and chooses.
        plan: How rows are chosen.
        known: Rows that have answers already, of which the model learns, too.
        now: The clock, in seconds.

    Raises:
        DataError: The journal has answers to other texts of the same names.
    """

    def __init__(
        self,
        recipe: Recipe,
        pool: Pool,
        task: Task,
        answers: Answers,
        journal: Journal,
        chooser: Chooser,
        plan: Plan,
        *,
        known: Rows | None = None,
        now: Callable[[], float] = time.monotonic,
    ):
        self.recipe, self.pool, self.answers, self.plan = recipe, pool, answers, plan
        self.journal, self.chooser, self.now = journal, chooser, now
        self.answered = Answered(journal, pool, task, plan.annotator)
        given = (pool, task, answers, self.answered, chooser, plan)
        self.batches = Batches(*given, known=known, now=now)
        self.current: Question | None = None
        self._shown_at = 0.0

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what trains beside the desk, and let others write; every answer is kept."""
        self.chooser.close()
        self.journal.close()

    def ask(self) -> Question | None:
        """Give the row to answer; None when all are answered or skipped.

        The same one is given until it is told, skipped or undone. Waits for a training where
        nothing can be asked without it; `wait` says beforehand whether it would.
        """
        while not self.wait(None):
            pass
        if self.current is None:
            self._show(self.batches.next())
        return self.current

    def wait(self, seconds: float | None) -> bool:
        """Wait until `ask` returns at once; say whether it will."""
        return self.current is not None or self.batches.wait(seconds)

    def tell(self, answer: Any) -> Record:
        """Keep the answer to the row that was asked for; it is on the disk when this returns.

        Args:
            answer: A label, a list of labels, or spans: (first character, past, type).

        Raises:
            DataError: It is no answer, nothing was asked, or it could not be written.
        """
        question = self._asked()
        return self._keep(question, LABEL, self.answers.cells(answer, question.words))

    def skip(self) -> Record:
        """Leave the row without an answer; it is not asked for again.

        Raises:
            DataError: Nothing was asked, or it could not be written.
        """
        return self._keep(self._asked(), SKIP, {self.answers.role: None})

    def undo(self) -> Record | None:
        """Take back the last answer or skip of this annotator, and ask for that row again.

        Returns:
            What is undone; None where nothing is left to undo.
        """
        last = self.answered.last_done
        if last is None:
            return None
        kept = {"seconds": 0.0, "probability_shown": None, self.answers.role: None}
        self.journal.append({**last, **kept, "action": UNDO})
        if self.current is not None:
            self.batches.put_back(self.current)
            self.current = None
        index = self.answered.index_of.get(last["id"])
        if index is not None:
            choice = Choice(index, last.get("suggested"), last["probability_shown"])
            self._show(self.batches.question(choice, last["why"], int(last["round"])))
        return last

    @property
    def latest(self) -> Reply | None:
        """The last model: how many rows taught it, and its scores on the audit rows."""
        return self.batches.latest

    @property
    def n_left(self) -> int:
        """How many rows can still be asked for, the current one included."""
        return len(self.pool.ids) - len(self.answered.settled)

    def _show(self, question: Question | None) -> None:
        self.current, self._shown_at = question, self.now()

    def _asked(self) -> Question:
        if self.current is None:
            raise DataError(
                "No row is asked for.", received="an answer", hint="desk.ask(), then desk.tell(…)"
            )
        return self.current

    def _keep(self, question: Question, action: str, cells: Mapping[str, Any]) -> Record:
        suggested = {} if question.probability is None else {"suggested": question.suggested}
        record = {
            "id": question.id,
            **question.texts,
            **cells,
            "annotator": self.plan.annotator,
            "action": action,
            "audit": question.is_audit,
            "round": question.round,
            "why": question.why,
            "seconds": round(self.now() - self._shown_at, 2),
            "probability_shown": question.probability,
            **suggested,
        }
        self.journal.append(record)
        self.current = None
        return record
