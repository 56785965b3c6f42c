"""Which rows are asked next: a batch that a model chose, with audit rows in between.

The next model is trained while the last row of a batch is read. Where that takes long, rows that
the model before it chose are asked meanwhile; where it fails, rows at random.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from luthier.errors import TrainingError
from luthier.labelling.answered import Answered
from luthier.labelling.answers import Answers
from luthier.labelling.orders import FIRST, Choice, Chooser, Columns, Order, Reply
from luthier.labelling.pool import Pool
from luthier.labelling.questions import AUDIT, Draws, Plan, Question
from luthier.protocols import Task
from luthier.records import Rows
from luthier.seeding import stream

RANDOM = "random"
AHEAD = 4  # batches that are chosen at once, of which all but the first are spare
TOP_UP = 5  # rows of an older model that are asked before it is looked for a newer one


class Batches:
    """The rows that are asked, in their order.

    Args:
        pool: The rows.
        task: The task.
        answers: What an answer is.
        answered: What has been answered.
        chooser: Trains and chooses.
        plan: How rows are chosen.
        known: Rows that have answers already, of which the model learns, too.
        now: The clock, in seconds.
    """

    def __init__(
        self,
        pool: Pool,
        task: Task,
        answers: Answers,
        answered: Answered,
        chooser: Chooser,
        plan: Plan,
        *,
        known: Rows | None,
        now: Callable[[], float] = time.monotonic,
    ):
        self.pool, self.task, self.answers, self.answered = pool, task, answers, answered
        self.chooser, self.plan, self.known, self.now = chooser, plan, known, now
        self.draws = Draws(pool.ids, plan.audit, plan.seed)
        self.round = max((int(one["round"]) for one in answered.journal.records), default=0)
        self.latest: Reply | None = None
        self.failures: deque[str] = deque()
        roles = [*task.input_roles, *(["words"] if "words" in pool.rows else [])]
        self._inputs, self.role = roles, task.answer_role or answers.role
        self._queue: deque[Question] = deque()
        self._spare: deque[Choice] = deque()  # chosen, but for a later batch
        self._order: Order | None = None  # that is not answered yet
        self._offered: list[int] = []  # the rows that it chooses from
        self._n_orders, self._ordered_at = 0, 0.0

    def next(self) -> Question | None:
        """Take the next question out of the queue; None where nothing is left."""
        if not self._queue:
            return None
        question = self._queue.popleft()
        if not self._queue and self.plan.patience is not None:
            self._begin_order(busy={question.id})
        return question

    def put_back(self, question: Question) -> None:
        """Ask a question again, before all others."""
        self._queue.appendleft(question)

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is a question, or none is left; say whether that is so."""
        if self._queue:
            return True
        self._begin_order(busy=set())
        if self._order is None:  # there is nothing left to choose from
            self._begin_batch([], "")
            return True
        try:
            reply = self.chooser.reply(self._patience(seconds))
        except TrainingError as problem:
            told = f"{problem.problem} {problem.received or ''}".strip()
            self.failures.append(f"{told} The next rows are drawn at random.")
            n_asked, self._order = min(self._order.n, len(self._offered)), None
            self._begin_batch([Choice(at) for at in range(n_asked)], RANDOM)
            return True
        if reply is not None:
            self._order, self.latest = None, reply
            self._begin_batch(reply.chosen, reply.by)
            return True
        return self._is_late() and self._top_up()

    def _is_late(self) -> bool:
        patience = self.plan.patience
        return patience is not None and self.now() - self._ordered_at >= patience

    def _patience(self, seconds: float | None) -> float | None:
        """Say how long to wait for a reply before rows are asked without it."""
        if self.plan.patience is None:
            return seconds
        left = max(0.0, self.plan.patience - (self.now() - self._ordered_at))
        return left if seconds is None else min(seconds, left)

    def _begin_order(self, *, busy: set[str]) -> None:
        """Order a model of all answers so far, and the rows that it would ask for."""
        if self._order is not None:
            return
        self._offered = list(self._open(self.draws.others, busy))[: self.plan.candidates]
        if not self._offered:
            return
        self._n_orders += 1
        rows = self.pool.rows.take(self._offered)
        self._order = Order(
            self._n_orders,
            FIRST if self.round == 0 else self.plan.by,
            min(len(self._offered), AHEAD * self.plan.batch),
            self._learned(),
            {name: rows[name] for name in self._inputs},
            self.answered.columns([*self._inputs, self.role], audit=True),
        )
        self._ordered_at = self.now()
        self.chooser.begin(self._order)

    def _learned(self) -> Columns:
        """Gather the rows that teach the model."""
        columns = self.answered.columns([*self._inputs, self.role], audit=False)
        if self.known is None:
            return columns
        return {name: [*self.known[name], *cells] for name, cells in columns.items()}

    def _open(self, order: Sequence[int], busy: set[str]) -> Iterator[int]:
        """Give the rows that may be asked for, in the order of their draw."""
        closed = self.answered.settled | busy | {one.id for one in self._queue}
        return (index for index in order if self.pool.ids[index] not in closed)

    def _n_audit(self) -> int:
        """Count the audit rows that the next batch needs for their share of all answers."""
        audit = [bool(one["audit"]) for one in self.answered.standing]
        return max(0, round(self.plan.audit * (len(audit) + self.plan.batch)) - sum(audit))

    def _begin_batch(self, chosen: Sequence[Choice], why: str) -> None:
        """Queue a batch: what was chosen, and audit rows in between."""
        settled, batch = self.answered.settled, self.plan.batch
        asked = [Choice(self._offered[one.index], one.suggested, one.probability) for one in chosen]
        asked = [one for one in asked if self.pool.ids[one.index] not in settled]
        audit = list(self._open(self.draws.audit, set()))
        n_audit = min(len(audit), max(self._n_audit(), batch - len(asked)), batch)
        if not asked and not n_audit:
            return
        self.round += 1
        n_chosen = batch - n_audit
        questions = [self.question(one, why, self.round) for one in asked[:n_chosen]]
        questions += [self.question(Choice(at), AUDIT, self.round) for at in audit[:n_audit]]
        self._spare = deque(asked[n_chosen:])
        order = stream(self.plan.seed, "batch", self.round).permutation(len(questions))
        self._queue.extend(questions[at] for at in order.tolist())

    def _top_up(self) -> bool:
        """Queue a few rows that need no new model: audit rows that are due, or spare ones."""
        audit = [] if self.round else list(self._open(self.draws.audit, set()))[: self._n_audit()]
        self._queue.extend(self.question(Choice(at), AUDIT, 1) for at in audit)
        why = self.latest.by if self.latest is not None else RANDOM
        settled = self.answered.settled
        while self._spare and len(self._queue) < TOP_UP:
            choice = self._spare.popleft()
            if self.pool.ids[choice.index] not in settled:
                self._queue.append(self.question(choice, why, self.round))
        return len(self._queue) > 0

    def question(self, choice: Choice, why: str, number: int) -> Question:
        """Make the question for a row."""
        shown = self.plan.suggest and choice.probability is not None
        cells = self.pool.rows["words"][choice.index] if "words" in self.pool.rows else ()
        words = [(int(first), int(past)) for first, past in cells]
        return Question(
            self.pool.ids[choice.index],
            self.pool.texts(choice.index, self.task),
            words,
            number,
            why,
            self.answers.suggested(choice.suggested, words) if shown else None,
            choice.probability if shown else None,
        )
