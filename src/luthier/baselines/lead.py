"""`lead`: the first sentences of the text; hard to beat for news (Nallapati et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field

from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, Rows
from luthier.task_types.plain_baseline import PlainBaseline, strongest
from luthier.task_types.seq2seq import as_array
from luthier.text.sentences import sentences

MOST_ROWS = 100  # training rows on which the number of sentences is chosen
MOST_SENTENCES = 5


class LeadOptions(Section):
    """How many sentences are taken."""

    sentences: int | None = Field(
        None,
        ge=1,
        description="Sentences taken; null: as many as score best on the first training rows.",
    )


class Lead(PlainBaseline):
    """Return the first sentences of every text."""

    name: ClassVar[str] = "lead"
    units: ClassVar[frozenset[str]] = frozenset({"generation"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text"})
    Options = LeadOptions
    options: LeadOptions

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """Take as many sentences as score best in training, unless the recipe sets their number."""
        n_sentences = self.options.sentences or best_number(job)
        codec = job.problem.codec
        return lambda rows: as_array([lead(one, n_sentences) for one in codec.task.texts(rows)[0]])


def best_number(job: Job) -> int:
    """Find the number of sentences that scores best on the first training rows."""
    codec, metric = job.problem.codec, job.problem.codec.task.main_metric
    rows = job.problem.splits.train
    rows = rows.take(range(min(len(rows), MOST_ROWS)))
    texts, gold = codec.task.texts(rows)[0], codec.gold(rows)

    def score(n_sentences: int) -> float:
        leads = as_array([lead(text, n_sentences) for text in texts])
        return codec.measure(gold, codec.decode(leads))(None)[metric]

    return strongest(range(1, MOST_SENTENCES + 1), score, metric=metric)


def lead(text: str, n_sentences: int) -> str:
    """Cut a text after its first sentences."""
    return text[: [(0, 0), *sentences(text)[:n_sentences]][-1][1]]
