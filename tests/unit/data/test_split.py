"""Splits are exact in size, stratified, grouped, folded and limited, and say how they were made."""

from __future__ import annotations

from collections import Counter

import pytest

from luthier.data.split import limit_split, make_splits
from luthier.errors import DataError
from luthier.records import Rows, Splits

DEFAULTS = {
    "validation_size": 0.1,
    "test_size": 0.2,
    "group_by": None,
    "stratify_by": "label",
    "n_folds": None,
    "fold": 0,
    "seed": 0,
}


def rows_of(labels, name: str = "reviews.csv", **columns) -> Rows:
    labels = list(labels)
    texts = [f"text {index}" for index in range(len(labels))]
    return Rows.of({"text": texts, "label": labels, **columns}, name=name)


def split(train: Rows, validation: Rows | None = None, test: Rows | None = None, **changes):
    return make_splits(train, validation, test, **(DEFAULTS | changes))


def sizes(splits) -> list[int]:
    return [len(rows) for _, rows in splits.items()]


def refused(*args, **changes) -> DataError:
    with pytest.raises(DataError) as caught:
        split(*args, **changes)
    assert caught.value.hint
    return caught.value


def test_shares_are_of_the_whole_file_and_said():
    splits = split(rows_of("ab" * 50))
    assert sizes(splits) == [70, 10, 20]
    assert splits.made == {
        "test": "20 % of reviews.csv, stratified by label, seed 0",
        "validation": "10 % of reviews.csv, stratified by label, seed 0",
        "train": "the other 70 rows of reviews.csv",
    }


@pytest.mark.parametrize(("validation", "test"), [(1, 1), (7, 13), (0, 33), (33, 0)])
def test_whole_numbers_are_rows(validation, test):
    splits = split(rows_of("aab" * 33), validation_size=validation, test_size=test)
    assert sizes(splits) == [99 - validation - test, validation, test]


def test_labels_keep_their_shares():
    splits = split(rows_of(["a"] * 600 + ["b"] * 300 + ["c"] * 100))
    assert Counter(splits.test["label"]) == {"a": 120, "b": 60, "c": 20}
    assert Counter(splits.validation["label"]) == {"a": 60, "b": 30, "c": 10}


def test_rows_keep_the_order_of_the_file():
    splits = split(rows_of("abc" * 30))
    for _, rows in splits.items():
        assert list(rows.lines) == sorted(rows.lines)


def test_the_only_row_of_a_label_stays_in_training():
    for seed in range(10):
        splits = split(rows_of("a" * 50 + "b" * 40 + "cde"), test_size=0.4, seed=seed)
        assert {"a", "b", "c", "d", "e"} <= set(splits.train["label"])


def test_a_row_of_several_labels_goes_by_its_rarest():
    labels = [["a"]] * 50 + [["a", "b"]] * 40 + [["a", "b", "c"]] * 10
    splits = split(rows_of(labels))
    assert sum("c" in cell for cell in splits.test["label"]) == 2


@pytest.mark.parametrize(
    "labels", [[n / 7 for n in range(40)], [str(n) for n in range(40)], [None] * 40]
)
def test_labels_that_cannot_be_stratified_are_no_obstacle(labels):
    splits = split(rows_of(labels))
    assert sizes(splits) == [28, 4, 8]
    if labels[0] is not None:
        assert "at random" in splits.made["test"]


def test_given_files_stay_whole():
    validation, test = rows_of("ab", "v.csv"), rows_of("abc", "t.csv")
    splits = split(rows_of("abc" * 4), validation, test)
    assert splits.validation is validation
    assert splits.test is test
    assert splits.made == {
        "train": "all 12 rows of reviews.csv",
        "validation": "all 2 rows of v.csv",
        "test": "all 3 rows of t.csv",
    }


def test_groups_stay_together_and_missing_groups_stand_alone():
    authors = [f"author {n % 12}" for n in range(96)] + [None, ""] * 2
    splits = split(rows_of("ab" * 50, author=authors), group_by="author")
    named = [author for _, rows in splits.items() for author in set(rows["author"]) if author]
    assert len(named) == len(set(named)) == 12
    assert abs(sizes(splits)[2] - 20) <= 4
    assert "whole groups by author" in splits.made["test"]


def test_groups_are_drawn_so_that_labels_keep_their_shares():
    authors = [f"author {n // 5}" for n in range(500)]
    splits = split(rows_of((["a"] * 5 + ["b"] * 5) * 50, author=authors), group_by="author")
    assert 0.4 <= Counter(splits.test["label"])["a"] / len(splits.test) <= 0.6


def test_every_row_is_in_the_test_set_of_one_fold():
    rows = rows_of(["a"] * 33 + ["b"] * 20)
    tests = [split(rows, n_folds=5, fold=fold).test for fold in range(5)]
    assert sorted(line for test in tests for line in test.lines) == list(range(1, 54))
    assert {len(test) for test in tests} == {10, 11}
    assert all(Counter(test["label"])["b"] == 4 for test in tests)
    made = split(rows, n_folds=5, fold=3).made["test"]
    assert made == "fold 3 of 5 of reviews.csv, stratified by label, seed 0"


def test_folds_keep_groups_together():
    rows = rows_of("ab" * 30, author=[n // 4 for n in range(60)])
    tests = [split(rows, n_folds=4, fold=fold, group_by="author").test for fold in range(4)]
    assert sum(len(set(test["author"])) for test in tests) == 15


def test_groups_are_dealt_so_that_every_fold_has_its_share_of_each_label():
    rows = rows_of(["a"] * 60 + ["b"] * 12, author=[n // 2 for n in range(72)])
    tests = [split(rows, n_folds=3, fold=fold, group_by="author").test for fold in range(3)]
    assert [Counter(test["label"])["b"] for test in tests] == [4, 4, 4]
    assert [len(test) for test in tests] == [24, 24, 24]


def test_equal_rows_are_in_one_fold_and_counted():
    rows = rows_of("ab" * 20)
    alike = [str(n % 30) for n in range(40)]
    splits = [split(rows, n_folds=4, fold=fold, alike=alike) for fold in range(4)]
    keys = [{alike[line - 1] for line in each.test.lines} for each in splits]
    assert sum(map(len, keys)) == 30
    assert all(4 <= Counter(each.test["label"])["a"] <= 6 for each in splits)
    assert "10 rows equal to another kept with it, stratified" in splits[0].made["test"]
    without = [split(rows, n_folds=4, fold=fold).test.lines for fold in range(4)]
    unlike = [str(n) for n in range(40)]
    same = [split(rows, n_folds=4, fold=fold, alike=unlike).test.lines for fold in range(4)]
    assert [list(one) for one in without] == [list(one) for one in same]


@pytest.mark.parametrize("has_test_file", [False, True])
def test_folds_of_the_rest_leave_the_test_set_of_a_run_without_folds_alone(has_test_file):
    rows, apart = rows_of("aab" * 20), rows_of("ab" * 5, name="t.csv")
    test = apart if has_test_file else None
    whole = split(rows, None, test).test
    folds = [split(rows, None, test, n_folds=4, fold=n, folds_of="rest") for n in range(4)]
    dealt = sorted(int(line) for each in folds for line in each.test.lines)
    kept = set() if has_test_file else {int(line) for line in whole.lines}
    assert dealt == [line for line in range(1, 61) if line not in kept]
    for each in folds:
        lines = {int(line) for _, part in each.items() for line in part.lines}
        assert not lines & kept
    assert has_test_file or "without 12 test rows" in folds[0].made["test"]


def test_a_limit_of_training_keeps_every_label_where_that_fits():
    rows = rows_of(["a"] * 90 + ["b"] * 8 + ["c"] * 2)
    splits = Splits(rows, rows, rows)
    for name, most in (("train", 10), ("test", 2), ("validation", 1000)):
        splits = limit_split(splits, name, most, stratify_by="label", seed=0)
    assert sizes(splits) == [10, 100, 2]
    assert set(splits.train["label"]) == {"a", "b", "c"}
    assert "limited to 10 of them, stratified by label" in splits.made["train"]


@pytest.mark.parametrize("labels", [["a"] * 50 + ["b"] * 30 + ["c"] * 19 + ["d"], None])
def test_a_larger_limit_of_training_holds_the_smaller_ones(labels):
    rows = Rows.of({"text": [*range(100)], "label": labels or [*range(100)]})
    whole, by = Splits(rows, rows, rows), "label" if labels else None
    for seed in range(20):
        before = set()
        for most in (1, 3, 4, 10, 37, 60, 99):
            drawn = limit_split(whole, "train", most, stratify_by=by, seed=seed).train
            texts = {*drawn["text"]}
            assert len(texts) == len(drawn) == most
            assert before < texts
            before = texts
            for name, n_rows in zip("abcd", (50, 30, 19, 1), strict=True) if labels else ():
                if most >= 4:
                    n_drawn = list(drawn["label"]).count(name)
                    assert n_drawn >= 1
                    assert abs(n_drawn - most * n_rows / 100) <= 2


def test_a_limit_of_test_rows_keeps_a_rare_label_rare():
    rows = rows_of(["a"] * 990 + list("bcdefghijk"))
    drawn = [
        limit_split(Splits(rows, rows, rows), "test", 100, stratify_by="label", seed=seed).test
        for seed in range(20)
    ]
    assert all(Counter(test["label"])["a"] == 99 for test in drawn)


def test_cells_of_several_labels_are_no_labels_of_their_own_when_rows_are_carved():
    pairs = [f"{one}|{other}" for one in "abcdefgh" for other in "ijklmnop"]  # each of them once
    rows = rows_of(["a", "b"] * 68 + pairs)
    carved = split(rows, validation_size=0, test_size=0.5, several=True).test
    n_several = sum("|" in label for label in carved["label"])
    assert 24 <= n_several <= 40  # 64 of 200 rows; each on its own, all would stay in training


def test_nothing_is_carved_where_nothing_is_asked_for():
    splits = split(rows_of("ab" * 5), validation_size=0, test_size=0)
    assert sizes(splits) == [10, 0, 0]
    assert splits.made["test"] == "none asked for"
    assert list(splits.test.columns) == ["text", "label"]


def test_another_seed_draws_other_rows():
    rows = rows_of("ab" * 50)
    assert list(split(rows).test.lines) == list(split(rows).test.lines)
    assert list(split(rows).test.lines) != list(split(rows, seed=1).test.lines)


def test_the_test_set_does_not_depend_on_the_validation_set():
    rows = rows_of("ab" * 50)
    assert list(split(rows).test.lines) == list(split(rows, validation_size=30).test.lines)


@pytest.mark.parametrize("size", [-1, -0.1, 1.5, float("nan"), float("inf")])
def test_sizes_that_are_none_are_refused(size):
    assert refused(rows_of("ab" * 9), test_size=size).hint == "data.split.test=0.1"


def test_too_few_rows_are_refused():
    assert "too few rows" in refused(rows_of("ab"), test_size=2).problem
    assert "for validation" in refused(rows_of("abab"), test_size=2, validation_size=2).problem
    assert "too few rows" in refused(rows_of("a")).problem


def test_too_few_groups_are_refused():
    error = refused(rows_of("ab" * 9, author=["x"] * 18), group_by="author")
    assert "too few groups" in error.problem


def test_a_missing_group_column_names_the_nearest():
    error = refused(rows_of("ab" * 9, author=["x"] * 18), group_by="autor")
    assert error.hint == "data.split.group_by=author"


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"n_folds": 5, "fold": 5}, "data.split.fold=4"),
        ({"n_folds": 5, "fold": -1}, "data.split.fold=4"),
        ({"n_folds": 50}, "data.split.n_folds=5"),
        ({"n_folds": 1}, "data.split.n_folds=5"),
    ],
)
def test_impossible_folds_are_refused(changes, hint):
    assert refused(rows_of("ab" * 9), **changes).hint == hint


def test_a_limit_of_no_rows_is_refused():
    rows = rows_of("ab" * 9)
    with pytest.raises(DataError, match="At least one row") as caught:
        limit_split(Splits(rows, rows, rows), "train", 0, stratify_by=None, seed=0)
    assert caught.value.hint == "data.limit.train=100"


def test_folds_and_a_test_file_contradict_each_other():
    rows = rows_of("ab" * 9)
    assert "data.test=null" in refused(rows, None, rows, n_folds=3).hint
