"""Entities are scored by border and type, and each error has a name."""

import time

import numpy as np
import pytest

from luthier.metrics.intervals import bootstrap
from luthier.metrics.spans import errors_of, measure_spans, measure_tags, per_type

GOLD = [[(0, 2, "PER"), (3, 4, "LOC")], [(0, 1, "ORG")], []]
SAID = [[(0, 2, "PER"), (3, 5, "LOC")], [(0, 1, "PER")], [(2, 3, "LOC")]]


def test_strict_scores_ask_for_borders_and_type():
    found = measure_spans(GOLD, SAID)(None)
    assert found["precision"] == pytest.approx(1 / 4)
    assert found["recall"] == pytest.approx(1 / 3)
    assert found["f1"] == pytest.approx(2 / 7)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # PER, LOC, ORG


def test_partial_scores_forgive_borders_by_half_and_types_wholly():
    assert measure_spans(GOLD, SAID)(None)["partial_f1"] == pytest.approx(2 * 2.5 / 7)


def test_scores_by_type_forgive_borders():
    assert measure_spans(GOLD, SAID)(None)["type_f1"] == pytest.approx(2 * 2 / 7)


def test_a_true_entity_is_found_but_once():
    gold, said = [[(0, 4, "PER")]], [[(0, 1, "PER"), (2, 4, "PER")]]
    found = measure_spans(gold, said)(None)
    assert found["type_f1"] == pytest.approx(2 / 3)
    assert found["partial_f1"] == pytest.approx(2 * 0.5 / 3)


def test_nothing_true_and_nothing_found_scores_nothing():
    assert set(measure_spans([[], []], [[], []])(None).values()) == {0.0}
    assert set(measure_spans([], [])(None).values()) == {0.0}


def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_none_as_none():
    weighted = measure_spans(GOLD, SAID)(np.array([2.0, 0.0, 1.0]))
    repeated = measure_spans([GOLD[0], GOLD[0], GOLD[2]], [SAID[0], SAID[0], SAID[2]])(None)
    assert weighted == pytest.approx(repeated)


def test_types_are_scored_one_by_one():
    kinds, score = per_type(GOLD, SAID)
    assert kinds == ["LOC", "ORG", "PER"]
    loc, org, per = score(None).T  # each precision, recall, F1, true entities
    assert loc.tolist() == org.tolist() == [0, 0, 0, 1]
    assert per == pytest.approx([1 / 2, 1, 2 / 3, 1])


def test_types_are_scored_under_weights():
    _, score = per_type(GOLD, SAID)
    assert score(np.array([3.0, 1.0, 1.0])).T[2] == pytest.approx([3 / 4, 1, 6 / 7, 3])
    assert not score(np.zeros(3)).any()
    kinds, score = per_type([[]], [[]])
    assert (kinds, score(None).shape) == ([], (4, 0))


@pytest.mark.parametrize(
    ("gold", "said", "kind"),
    [
        ((2, 4, "PER"), None, "missed"),
        (None, (2, 4, "PER"), "spurious"),
        ((2, 4, "PER"), (2, 4, "LOC"), "type"),
        ((2, 4, "PER"), (3, 5, "PER"), "boundary"),
        ((2, 4, "PER"), (3, 5, "LOC"), "both"),
    ],
)
def test_every_error_has_a_name(gold, said, kind):
    right = (0, 1, "PER")
    errors = errors_of([right, *filter(None, [gold])], [right, *filter(None, [said])])
    assert errors == [(kind, gold, said)]


def test_what_only_touches_is_no_overlap():
    errors = errors_of([(0, 2, "PER")], [(2, 3, "PER")])
    assert [kind for kind, _, _ in errors] == ["missed", "spurious"]


def test_an_answer_over_two_entities_is_paired_with_that_of_its_type():
    gold, said = [(0, 2, "PER"), (2, 4, "LOC")], [(1, 4, "LOC")]
    assert errors_of(gold, said) == [
        ("missed", gold[0], None),
        ("boundary", gold[1], said[0]),
    ]


def test_every_span_is_in_one_error_or_right():
    generator = np.random.default_rng(0)
    for _ in range(300):
        gold, said = (
            [
                (a, a + 1 + int(generator.integers(0, 3)), "AB"[generator.integers(0, 2)])
                for a in range(0, 12, 3)
                if generator.random() < 0.6
            ]
            for _ in range(2)
        )
        errors = errors_of(gold, said)
        assert [e[1] for e in errors if e[1]] == [span for span in gold if span not in said]
        assert sorted(e[2] for e in errors if e[2]) == [span for span in said if span not in gold]


def test_tags_are_scored_by_word():
    found = measure_tags([[0, 1], [2]], [[0, 2], [2]])(None)
    assert found["token_accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_a_word_without_an_answer_is_wrong_and_found_as_nothing():
    found = measure_tags([[0, 1]], [[0, -1]])(None)
    assert found == {"token_accuracy": 0.5, "macro_f1": pytest.approx((1 + 0) / 2)}


def test_rows_of_tags_have_weights():
    gold, said = [[0, 1], [2], []], [[0, 2], [2], []]
    weighted = measure_tags(gold, said)(np.array([2.0, 1.0, 5.0]))
    assert weighted == pytest.approx(measure_tags([*gold, gold[0]], [*said, said[0]])(None))
    assert set(measure_tags(gold, said)(np.array([0.0, 0.0, 1.0])).values()) == {0.0}
    assert set(measure_tags([[]], [[]])(None).values()) == {0.0}


@pytest.mark.parametrize("measure_of", [measure_spans, measure_tags])
def test_a_thousand_resamples_take_seconds(measure_of):
    is_tags = measure_of is measure_tags
    row = [number % 40 for number in range(25)]
    spans = [(at, at + 2, f"T{at}") for at in range(0, 24, 4)]
    rows = [row if is_tags else spans] * 2000
    started = time.perf_counter()
    bootstrap(measure_of(rows, rows), 2000, n_resamples=1000, seed=0)
    assert time.perf_counter() - started < 10
