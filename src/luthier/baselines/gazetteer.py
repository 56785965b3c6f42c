"""`gazetteer`: a list of all training entities, looked up; what one gets by knowing names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from luthier.formats.tagged_tokens import split_rows
from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo
from luthier.task_types.token_outputs import Pieces
from luthier.text.tags import spans_of_tags, tags_of_spans


class GazetteerOptions(Section):
    """There is nothing to choose."""


class Gazetteer:
    """Look up the entities of the training rows, the longest first."""

    name: ClassVar[str] = "gazetteer"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})
    Options = GazetteerOptions

    def __init__(self, options: GazetteerOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """List the entities of the training rows with their most frequent type."""
        names = job.problem.codec.target.names
        gold = job.problem.codec.gold(job.problem.splits.train)
        listed: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for row, words in enumerate(split_rows(job.problem.splits.train)):
            for first, past, kind in spans_of_tags([names[tag] for tag in gold[row]], "IOB2"):
                listed[tuple(word.lower() for word in words[first:past])][kind] += 1
        known = {key: kinds.most_common(1)[0][0] for key, kinds in listed.items()}
        longest = max(map(len, known), default=0)
        yield StepInfo(f"baseline {self.name}", 1, 1, rows=len(job.problem.splits.train))
        outputs = {}
        for split, rows in job.problem.splits.items():
            if split in job.problem.scored_splits:
                found = [look_up(words, known, longest) for words in split_rows(rows)]
                outputs[split] = self._outputs(found, job)
        return outputs

    def _outputs(self, found: list[list[str]], job: Job) -> Pieces:
        """Turn tags into outputs: 1 for the tag, 0 for the others; a strange tag is O."""
        ids = {name: index for index, name in enumerate(job.problem.codec.target.names)}
        flat = [ids.get(tag, ids.get("O", 0)) for tags in found for tag in tags]
        said = np.eye(job.problem.codec.target.n_outputs, dtype=np.float32)[flat]
        n_words = np.array([len(tags) for tags in found], dtype=np.int64)
        return Pieces.of_each_word(said.reshape(-1, job.problem.codec.target.n_outputs), n_words)


def look_up(words: Sequence[str], known: Mapping[tuple[str, ...], str], longest: int) -> list[str]:
    """Tag the words of a row, from left to right, by the longest entry that fits."""
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
