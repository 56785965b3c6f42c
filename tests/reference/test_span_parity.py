"""Scores of entities agree with nervaluate and seqeval, scores of tags with scikit-learn."""

import numpy as np
import pytest
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from sklearn.metrics import accuracy_score, f1_score

from luthier.metrics.spans import measure_spans, measure_tags, per_type

KINDS = ["PER", "LOC", "ORG", "work-of-art"]


def random_spans(generator, *, longest=5, n_words=25):
    """Make spans that do not overlap; short ones, so that many have neighbours."""
    spans, at = [], int(generator.integers(0, 3))
    while at < n_words:
        past = min(at + int(generator.integers(1, longest)), n_words)
        spans.append((at, past, KINDS[generator.integers(0, len(KINDS))]))
        at = past + int(generator.integers(0, 3)) * (generator.random() < 0.6)
    return spans


def problem(seed, n_rows=150):
    generator = np.random.default_rng(seed)
    gold = [random_spans(generator) for _ in range(n_rows)]
    answers = [
        row if generator.random() < 0.2 else random_spans(generator, longest=2 + seed % 6)
        for row in gold
    ]
    answers[0], gold[1] = [], []
    return gold, answers, generator.integers(0, 4, n_rows)


def nervaluated(gold, answers):
    """Score by nervaluate, whose ends are the last words themselves."""
    as_mappings = [
        [[{"label": k, "start": a, "end": b - 1} for a, b, k in row] for row in rows]
        for rows in (gold, answers)
    ]
    return Evaluator(*as_mappings, tags=KINDS, loader="dict").evaluate()["overall"]


@pytest.mark.parametrize("seed", range(12))
def test_scores_of_entities_are_nervaluates(seed):
    gold, answers, _ = problem(seed)
    ours, theirs = measure_spans(gold, answers)(None), nervaluated(gold, answers)
    assert ours["partial_f1"] == pytest.approx(theirs["partial"].f1)
    assert ours["type_f1"] == pytest.approx(theirs["ent_type"].f1)
    assert ours["f1"] == pytest.approx(theirs["strict"].f1)
    assert ours["precision"] == pytest.approx(theirs["strict"].precision)
    assert ours["recall"] == pytest.approx(theirs["strict"].recall)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_scores_are_nervaluates_on_repeated_rows(seed):
    gold, answers, weights = problem(seed)
    repeated = (
        [row for row, n in zip(rows, weights, strict=True) for _ in range(n)]
        for rows in (gold, answers)
    )
    ours, theirs = measure_spans(gold, answers)(weights.astype(float)), nervaluated(*repeated)
    assert ours["partial_f1"] == pytest.approx(theirs["partial"].f1)
    assert ours["type_f1"] == pytest.approx(theirs["ent_type"].f1)
    assert ours["f1"] == pytest.approx(theirs["strict"].f1)


def as_tags(spans, n_words=25):
    tags = ["O"] * n_words
    for first, past, kind in spans:
        tags[first:past] = [f"B-{kind}", *[f"I-{kind}"] * (past - first - 1)]
    return tags


@pytest.mark.parametrize("seed", range(3))
def test_every_type_is_scored_as_in_seqevals_report(seed):
    gold, answers, _ = problem(seed)
    report = classification_report(
        list(map(as_tags, gold)), list(map(as_tags, answers)), output_dict=True, zero_division=0
    )
    kinds, score = per_type(gold, answers)
    for kind, (precision, recall, f1, support) in zip(kinds, score(None).T, strict=True):
        theirs = report[kind]
        assert precision == pytest.approx(theirs["precision"])
        assert recall == pytest.approx(theirs["recall"])
        assert f1 == pytest.approx(theirs["f1-score"])
        assert support == theirs["support"]
    assert measure_spans(gold, answers)(None)["macro_f1"] == pytest.approx(
        report["macro avg"]["f1-score"]
    )


@pytest.mark.parametrize("weights", [None, np.random.default_rng(1).integers(0, 4, 100) * 1.0])
def test_scores_of_tags_are_scikit_learns(weights):
    generator = np.random.default_rng(0)
    gold = [generator.integers(0, 12, generator.integers(0, 9)).tolist() for _ in range(100)]
    said = [[tag if generator.random() < 0.7 else 3 for tag in row] for row in gold]
    flat_gold, flat_said = np.concatenate(gold), np.concatenate(said)
    lengths = [len(row) for row in gold]
    of_words = None if weights is None else np.repeat(weights, lengths)
    ours = measure_tags(gold, said)(weights)
    assert ours["token_accuracy"] == pytest.approx(
        accuracy_score(flat_gold, flat_said, sample_weight=of_words)
    )
    assert ours["macro_f1"] == pytest.approx(
        f1_score(flat_gold, flat_said, average="macro", sample_weight=of_words)
    )
