"""`crf`: a linear-chain CRF on the shapes of words; the classic to beat for names.

Lafferty, McCallum & Pereira 2001, by the package python-crfsuite.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from luthier.formats.tagged_tokens import split_rows
from luthier.job import Job
from luthier.recipe.tree import Section
from luthier.records import Outputs, StepInfo, Target
from luthier.task_types.token_outputs import Pieces

STRENGTHS = (0.01, 0.1, 1.0)  # of the squared weights' penalty


class CrfOptions(Section):
    """There is nothing to choose."""


class Crf:
    """A linear-chain CRF on words, their ends and shapes, and their neighbours."""

    name: ClassVar[str] = "crf"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})
    Options = CrfOptions

    def __init__(self, options: CrfOptions):
        self.options = options

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Fit CRFs of several strengths and keep the one that is best on validation."""
        phase = f"baseline {self.name}"
        names = job.problem.codec.target.names
        gold = job.problem.codec.gold(job.problem.splits.train)
        features = [features_of(words) for words in split_rows(job.problem.splits.train)]
        tags = [[names[tag] for tag in gold[row]] for row in range(len(features))]
        asked = {
            split: [features_of(words) for words in split_rows(rows)]
            for split, rows in job.problem.splits.items()
            if split != "train"
        }
        has_validation = len(asked["validation"]) > 0
        strengths = STRENGTHS if has_validation else (1.0,)
        best: tuple[float, Any] | None = None
        for number, strength in enumerate(strengths, start=1):
            with TemporaryDirectory() as folder:
                tag_all = train(
                    features, tags, strength, Path(folder) / "model", job.problem.codec.target
                )
                said = {split: tag_all(rows) for split, rows in asked.items()}
            score = 0.0
            if has_validation:
                score = job.problem.validation_scores(said["validation"])[
                    job.problem.codec.task.validation_metric
                ]
            if best is None or score > best[0]:
                best = (score, said)
            yield StepInfo(phase, number, len(strengths), rows=len(features))
        return (
            {} if best is None else {split: best[1][split] for split in job.problem.scored_splits}
        )


def train(
    features: Sequence[Sequence[list[str]]],
    tags: Sequence[Sequence[str]],
    strength: float,
    path: Path,
    target: Target,
) -> Callable[[Sequence[Sequence[list[str]]]], Pieces]:
    """Fit a CRF; give what tags rows with it, once and at once: its file may go after that."""
    import pycrfsuite

    trainer = pycrfsuite.Trainer(verbose=False)
    for words, wanted in zip(features, tags, strict=True):
        if words:
            trainer.append(words, wanted)
    trainer.set_params({"c1": 0.05, "c2": strength, "max_iterations": 100})
    trainer.train(str(path))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(path))
    ids = {name: index for index, name in enumerate(target.names)}

    def tag_all(rows: Sequence[Sequence[list[str]]]) -> Pieces:
        found = [ids[tag] for words in rows for tag in (tagger.tag(words) if words else [])]
        said = np.eye(target.n_outputs, dtype=np.float32)[found].reshape(-1, target.n_outputs)
        return Pieces.of_each_word(said, np.array([len(words) for words in rows], dtype=np.int64))

    return tag_all


def features_of(words: Sequence[str]) -> list[list[str]]:
    """Describe every word by itself, its ends, its shape, and its neighbours."""
    own = [
        {
            "w": word.lower(),
            "s": shape(word),
            "p2": word[:2].lower(),
            "p3": word[:3].lower(),
            "e2": word[-2:].lower(),
            "e3": word[-3:].lower(),
        }
        for word in words
    ]
    described = []
    for place, features in enumerate(own):
        said = ["bias", *(f"{name}={value}" for name, value in features.items())]
        for step in (-2, -1, 1, 2):
            other = place + step
            if 0 <= other < len(own):
                said += [f"{step}:{name}={own[other][name]}" for name in ("w", "s")]
            else:
                said.append(f"{step}:outside")
        described.append(said)
    return described


def shape(word: str) -> str:
    """Write a word as its shape: capitals, small letters, digits, others; runs as one.

    >>> shape("McDonald's-42")
    'XxXx.x.d'
    """
    signs = "".join(
        "X" if sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdigit() else "."
        for sign in word
    )
    return "".join(sign for at, sign in enumerate(signs) if at == 0 or sign != signs[at - 1])
