"""`gazetteer`: looks up the entities of the training rows; the score of knowing names alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from luthier.formats.tagged_tokens import split_rows
from luthier.job import Job
from luthier.records import Outputs, Rows, Target
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.token_outputs import Pieces
from luthier.text.tags import spans_of_tags, tags_of_spans


class Gazetteer(PlainBaseline):
    """Look up the entities of the training rows, the longest first."""

    name: ClassVar[str] = "gazetteer"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})

    def learn(self, job: Job) -> Callable[[Rows], Outputs]:
        """List the entities of the training rows with their most frequent type."""
        target = job.problem.codec.target
        gold = job.problem.codec.gold(job.problem.splits.train)
        listed: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for row, words in enumerate(split_rows(job.problem.splits.train)):
            tags = [target.names[tag] for tag in gold[row]]
            for first, past, kind in spans_of_tags(tags, "IOB2"):
                listed[tuple(word.lower() for word in words[first:past])][kind] += 1
        known = {key: kinds.most_common(1)[0][0] for key, kinds in listed.items()}
        longest = max(map(len, known), default=0)
        return lambda rows: one_hot(
            [look_up(one, known, longest) for one in split_rows(rows)], target
        )


def one_hot(rows: Sequence[Sequence[str]], target: Target) -> Pieces:
    """Turn tags into outputs: 1 for the tag, 0 for the others; an unknown tag becomes O."""
    ids = {name: index for index, name in enumerate(target.names)}
    flat = [ids.get(tag, ids.get("O", 0)) for tags in rows for tag in tags]
    outputs = np.eye(target.n_outputs, dtype=np.float32)[flat].reshape(-1, target.n_outputs)
    return Pieces.of_each_word(outputs, np.array([len(tags) for tags in rows], dtype=np.int64))


def look_up(words: Sequence[str], known: Mapping[tuple[str, ...], str], longest: int) -> list[str]:
    """Tag the words of a row, from left to right, by the longest entry that matches."""
    lower = [word.lower() for word in words]
    spans, at = [], 0
    while at < len(words):
        for size in range(min(longest, len(words) - at), 0, -1):
            kind = known.get(tuple(lower[at : at + size]))
            if kind is not None:
                spans.append((at, at + size, kind))
                at += size
                break
        else:
            at += 1
    return tags_of_spans(spans, len(words), "IOB2")
