"""Scores of written texts agree with sacreBLEU and rouge-score themselves."""

import random
from itertools import zip_longest

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER

from luthier.metrics.generation import measure_summaries, measure_translations, sentence_chrf

WORDS = {
    name: [*words.split(), ""]
    for name, words in {
        "latin": "the a Cat sat on mat , . today it's 3.5 over hills (green) naïve",
        "mixed": "北京 大学 は コーヒー مدينة 👍🏽 हिन्दी the 。 Größe -",
    }.items()
}
METRICS = {"chrf": CHRF, "bleu": BLEU, "ter": TER}


def corpus(words, n_rows, seed=0):
    """Make references, and answers that change, drop and move some of their words."""
    draw = random.Random(seed)
    references, answers = [], []
    for _ in range(n_rows):
        true = draw.choices(WORDS[words], k=draw.randint(0, 15))
        said = [draw.choice([word] * 4 + WORDS[words]) for word in true if draw.random() < 0.9]
        cut = draw.randint(0, len(said))
        references.append(" ".join(true))
        answers.append(" ".join(said[cut:] + said[:cut]))
    return references, answers


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("n_rows", [1, 2, 120])
@pytest.mark.parametrize("name", METRICS)
def test_scores_of_a_corpus_are_sacrebleus(name, n_rows, words):
    references, answers = corpus(words, n_rows, seed=n_rows)
    ours = measure_translations(references, answers, metrics=(name,))(None)
    assert ours == {name: pytest.approx(METRICS[name]().corpus_score(answers, [references]).score)}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("seed", range(4))
def test_weighted_scores_are_sacrebleus_on_repeated_rows(name, seed):
    references, answers = corpus("latin", 60)
    rows = np.random.default_rng(seed).integers(0, 60, 60)
    weights = np.bincount(rows, minlength=60).astype(float)
    ours = measure_translations(references, answers, metrics=(name,))(weights)
    repeated = METRICS[name]().corpus_score(
        [answers[row] for row in rows], [[references[row] for row in rows]]
    )
    assert ours == {name: pytest.approx(repeated.score)}


def several(references, seed):
    """Give rows one to three references."""
    draw = random.Random(seed)
    return [(one, *draw.choices(references, k=draw.randint(0, 2))) for one in references]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("seed", range(3))
def test_scores_with_several_references_are_sacrebleus(name, seed):
    references, answers = corpus("latin", 40, seed=seed)
    references = several(references, seed)
    streams = list(zip_longest(*references))
    ours = measure_translations(references, answers, metrics=(name,))(None)
    assert ours == {name: pytest.approx(METRICS[name]().corpus_score(answers, streams).score)}


def test_rouge_of_several_references_is_that_of_the_best():
    references, answers = [("the cat sat", "a cat sat down"), ("rain",)], ["a cat sat", "rain fell"]
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    theirs = [
        max(scorer.score(one, said)["rougeL"].fmeasure for one in true)
        for true, said in zip(references, answers, strict=True)
    ]
    ours = measure_summaries(references, answers)(None)
    assert ours["rougeL"] == pytest.approx(np.mean(theirs))


@pytest.mark.parametrize("words", WORDS)
def test_chrf_of_sentences_is_sacrebleus(words):
    references, answers = corpus(words, 60)
    theirs = [CHRF().sentence_score(b, [a]).score for a, b in zip(references, answers, strict=True)]
    assert sentence_chrf(references, answers) == pytest.approx(theirs)


@pytest.mark.parametrize("weights", [None, np.random.default_rng(0).integers(0, 4, 80) * 1.0])
def test_rouge_of_ascii_is_rouge_scores(weights):
    pairs = zip(*corpus("latin", 80), strict=True)
    references, answers = zip(*[(a.replace("ï", "i"), b) for a, b in pairs], strict=True)
    names = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(names, use_stemmer=True)
    theirs = [scorer.score(a, b) for a, b in zip(references, answers, strict=True)]
    assert measure_summaries(references, answers)(weights) == pytest.approx(
        {
            name: np.average([row[name].fmeasure for row in theirs], weights=weights)
            for name in names
        }
    )
