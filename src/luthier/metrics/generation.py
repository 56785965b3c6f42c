"""Metrics of generated texts against references, by the packages that define them.

Translations: chrF (Popović 2015), BLEU (Papineni et al. 2002) and TER (Snover et al. 2006), as
sacreBLEU (Post 2018, https://arxiv.org/abs/1804.08771) computes them, in its unit, 0 to 100.
Summaries: ROUGE (Lin 2004), as the package rouge-score computes it, as shares. A row may have
several references: for BLEU, chrF and TER as sacreBLEU defines it; ROUGE is that of the best one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import regex

from luthier.declarations import SHARE, Metric
from luthier.ragged import Array
from luthier.records import Measure

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer

TRANSLATION = ("chrf", "bleu", "ter")
ROUGE = ("rouge1", "rouge2", "rougeL")
ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\uff70\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
OTHER = regex.compile(r"[[\p{L}\p{N}]--[\x00-\x7f]]", regex.V1)  # letters that are not ASCII
WORD = regex.compile(rf"[\w--[{ALONE}]]+|(?=\w)\X", regex.V1)
STEMMED = (
    "mean F1 over rows by rouge-score, with Porter's stemmer as in published tables; words of any "
    "script, unstemmed, where a reference has letters beyond a to z"
)
METRICS = (  # exact match is declared in `answers.py`
    Metric("chrf", "chrF", higher_is_better=True, best=100.0),
    Metric("bleu", "BLEU", higher_is_better=True, best=100.0),
    Metric("ter", "TER", higher_is_better=False, best=0.0),
    Metric("rouge1", "ROUGE-1", unit=SHARE, higher_is_better=True, best=1.0, note=STEMMED),
    Metric("rouge2", "ROUGE-2", unit=SHARE, higher_is_better=True, best=1.0, note=STEMMED),
    Metric("rougeL", "ROUGE-L", unit=SHARE, higher_is_better=True, best=1.0, note=STEMMED),
)


References = Sequence[str | Sequence[str]]  # of each row, one reference or several


def all_of(references: str | Sequence[str]) -> tuple[str, ...]:
    """Return the references of a row.

    >>> all_of("a cat"), all_of(["a cat", "the cat"])
    (('a cat',), ('a cat', 'the cat'))
    """
    return (references,) if isinstance(references, str) else tuple(references)


def _metric(name: str) -> Scorer:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    made: dict[str, Callable[[], Scorer]] = {
        "chrf": CHRF,
        "bleu": partial(BLEU, force=True),
        "ter": TER,
    }
    return made[name]()


def measure_translations(
    references: References, answers: Sequence[str], *, metrics: Sequence[str] = TRANSLATION
) -> Measure:
    """Prepare chrF, BLEU and TER of a corpus from weighted sums of each row's counts.

    Args:
        references: True translations, (rows,); one or several of each row.
        answers: Predicted translations.
        metrics: Names of the metrics to compute.
    """
    scorers = {name: _metric(name) for name in metrics}
    counts = {name: _statistics(scorers[name], references, answers) for name in metrics}

    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones(len(references)) if weights is None else weights
        if not w.any():
            return dict.fromkeys(metrics, float("nan"))
        sums = {name: (w @ counts[name]).tolist() for name in metrics}
        return {
            name: _bleu(scorer, sums[name]) if name == "bleu" else _score(scorer, sums[name])
            for name, scorer in scorers.items()
        }

    return measure


def _statistics(scorer: Scorer, references: References, answers: Sequence[str]) -> Array:
    """Collect the sufficient statistics of a metric, (rows, counts)."""
    streams = _streams(references) if len(references) else [[]]
    counts = scorer._extract_corpus_statistics(list(answers), streams)
    return np.array(counts, dtype=np.float64)


def _streams(references: References) -> list[list[Any]]:
    """List the first reference of every row, then the second …; None where a row has no more."""
    return [list(stream) for stream in zip_longest(*map(all_of, references))]


def _score(scorer: Scorer, sums: list[float]) -> float:
    return float(scorer._compute_score_from_stats(sums).score)


def _bleu(scorer: Scorer, sums: list[float]) -> float:
    """Compute BLEU for fractional weights, whose lengths sacreBLEU would round down."""
    said, true, *shared = sums
    penalty = math.exp(min(0.0, 1 - true / said)) if said else 0.0
    return penalty * _score(scorer, [1, 1, *shared])


def signatures(
    references: References = ("",), *, metrics: Sequence[str] = TRANSLATION
) -> dict[str, str]:
    """Give sacreBLEU's signatures, which state exactly what was computed with such references."""
    found = {}
    counts = sorted({len(all_of(one)) for one in references}) or [1]
    like_these = [["a b c d"] * count for count in counts]
    for name in metrics:
        scorer = _metric(name)  # a signature counts the references
        scorer.corpus_score(["a b c d"] * len(counts), _streams(like_these))
        found[name] = str(scorer.get_signature())
    return found


def sentence_chrf(references: References, answers: Sequence[str]) -> Array:
    """Compute chrF of each row, (rows,), 0 to 100."""
    scorer = _metric("chrf")
    counts = _statistics(scorer, references, answers).tolist()
    return np.array([_score(scorer, one) for one in counts])


class Stemmed:
    """Tokenize English as rouge-score does with `use_stemmer=True`, each word once."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer
        from rouge_score import tokenize

        self.stem = cache(PorterStemmer().stem)
        self.split = tokenize.tokenize

    def tokenize(self, text: str) -> list[str]:
        """Split a text into lower-case words, of which those of more than three letters are cut."""
        words: list[str] = self.split(text, self)
        return words


class AnyScript:
    """Tokenize texts of any script, with the interface that rouge-score expects.

    Scripts without spaces are split into characters; otherwise a sentence would be one word.
    """

    def tokenize(self, text: str) -> list[str]:
        """Split a text into lower-case words."""
        words: list[str] = WORD.findall(text.lower())
        return words


def rouge(references: References, answers: Sequence[str], names: Sequence[str] = ROUGE) -> Array:
    """Compute the F1 of each row, (rows, metrics); of several references, that of the best.

    rouge-score's own tokenizer, with Porter's stemmer as in published tables, drops all letters but
    a to z; it is used only if the references have no others, so that scores are comparable. The
    choice ignores the answers, so that all systems are measured alike.
    """
    from rouge_score.rouge_scorer import RougeScorer

    several = [all_of(one) for one in references]
    is_plain = not any(OTHER.search(text) for texts in several for text in texts)
    scorer = RougeScorer(list(names), tokenizer=Stemmed() if is_plain else AnyScript())
    rows = [scorer.score_multi(a, b) for a, b in zip(several, answers, strict=True)]
    return np.array([[row[name].fmeasure for name in names] for row in rows]).reshape(
        -1, len(names)
    )


def measure_summaries(references: References, answers: Sequence[str]) -> Measure:
    """Prepare ROUGE-1, ROUGE-2 and ROUGE-L, each the mean F1 over rows."""
    return _means(dict(zip(ROUGE, rouge(references, answers).T, strict=True)))


def measure_written(references: Sequence[str], answers: Sequence[str]) -> Measure:
    """Prepare exact match (ignoring surrounding whitespace) and ROUGE-L."""
    same = np.array([a.strip() == b.strip() for a, b in zip(references, answers, strict=True)])
    alike = rouge(references, answers, ["rougeL"])[:, 0]
    return _means({"exact_match": same.astype(float), "rougeL": alike})


def _means(columns: dict[str, Array]) -> Measure:
    def measure(weights: Array | None = None) -> dict[str, float]:
        w = np.ones_like(next(iter(columns.values()))) if weights is None else weights
        total = w.sum()
        return {
            name: float(w @ values / total) if total else float("nan")
            for name, values in columns.items()
        }

    return measure
