"""`crf`: a linear-chain CRF on word shapes; the classic baseline for named entities.

Lafferty, McCallum & Pereira 2001, computed by python-crfsuite.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np

from luthier.formats.tagged_tokens import split_rows
from luthier.job import Job
from luthier.records import Outputs, StepInfo, Target
from luthier.task_types.plain_baseline import PlainBaseline
from luthier.task_types.token_outputs import Pieces

STRENGTHS = (0.01, 0.1, 1.0)  # L2 penalties that are tried


class Crf(PlainBaseline):
    """A linear-chain CRF over words, their prefixes, suffixes and shapes, and their neighbours."""

    name: ClassVar[str] = "crf"
    units: ClassVar[frozenset[str]] = frozenset({"token"})
    kinds: ClassVar[frozenset[str]] = frozenset({"tags"})

    def fit(self, job: Job) -> Generator[StepInfo, None, Mapping[str, Outputs]]:
        """Fit CRFs with several penalties; keep the one that is best on validation."""
        problem = job.problem
        names = problem.codec.target.names
        gold = problem.codec.gold(problem.splits.train)
        features = [features_of(words) for words in split_rows(problem.splits.train)]
        tags = [[names[tag] for tag in gold[row]] for row in range(len(features))]
        judged = {
            split: [features_of(words) for words in split_rows(rows)]
            for split, rows in problem.splits.items()
            if split != "train"
        }
        has_validation = len(judged["validation"]) > 0
        strengths = STRENGTHS if has_validation else (1.0,)
        best_score, best = 0.0, dict[str, Pieces]()
        for number, strength in enumerate(strengths, start=1):
            with TemporaryDirectory() as folder:
                path = Path(folder) / "model"
                tag_all = train(features, tags, strength, path, problem.codec.target)
                outputs = {split: tag_all(rows) for split, rows in judged.items()}
            score = 0.0
            if has_validation:
                scores = problem.validation_scores(outputs["validation"])
                score = scores[problem.codec.task.validation_metric]
            if not best or score > best_score:
                best_score, best = score, outputs
            yield StepInfo(f"baseline {self.name}", number, len(strengths), rows=len(features))
        return {split: best[split] for split in problem.scored_splits}


def train(
    features: Sequence[Sequence[list[str]]],
    tags: Sequence[Sequence[str]],
    strength: float,
    path: Path,
    target: Target,
) -> Callable[[Sequence[Sequence[list[str]]]], Pieces]:
    """Fit a CRF; return a function that tags rows, to be called while the file at `path` exists."""
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
        outputs = np.eye(target.n_outputs, dtype=np.float32)[found].reshape(-1, target.n_outputs)
        return Pieces.of_each_word(
            outputs, np.array([len(words) for words in rows], dtype=np.int64)
        )

    return tag_all


def features_of(words: Sequence[str]) -> list[list[str]]:
    """Describe every word by itself, its prefixes, suffixes and shape, and its neighbours."""
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
        row = ["bias", *(f"{name}={value}" for name, value in features.items())]
        for step in (-2, -1, 1, 2):
            other = place + step
            if 0 <= other < len(own):
                row += [f"{step}:{name}={own[other][name]}" for name in ("w", "s")]
            else:
                row.append(f"{step}:outside")
        described.append(row)
    return described


def shape(word: str) -> str:
    """Write the shape of a word: upper case, lower case, digits, others; runs as one.

    >>> shape("McDonald's-42")
    'XxXx.x.d'
    """
    signs = "".join(
        "X" if sign.isupper() else "x" if sign.isalpha() else "d" if sign.isdigit() else "."
        for sign in word
    )
    return "".join(sign for at, sign in enumerate(signs) if at == 0 or sign != signs[at - 1])
