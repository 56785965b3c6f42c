"""Records keep rows together and flat sequences apart."""

import numpy as np
import pytest

from luthier.records import Encoded, Ragged, Rows, Target


def test_rows_say_where_they_stood_after_being_taken():
    rows = Rows.of({"text": ["a", "b", "c"]}, name="f.csv").take([2, 0])
    assert list(rows["text"]) == ["c", "a"]
    assert [rows.where(0), rows.where(1)] == ["f.csv:3", "f.csv:1"]


def test_rows_without_columns_are_empty():
    assert len(Rows.of({})) == 0


def test_ragged_gives_back_what_was_laid_end_to_end():
    sequences = [[1, 2, 3], [], [4]]
    ragged = Ragged.of(sequences)
    assert [ragged[i].tolist() for i in range(len(ragged))] == sequences
    assert ragged.lengths.tolist() == [3, 0, 1]


def test_dense_features_count_as_one_token():
    encoded = Encoded({"features": np.zeros((4, 8))}, None, np.ones(4, dtype=int))
    assert encoded.lengths.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("target", "answer", "written"),
    [
        (Target("single-label", ("no", "yes")), 1, "yes"),
        (Target("multi-label", ("a", "b")), [True, False], ["a"]),
        (Target("number", ("value",)), np.float32(2.5), 2.5),
    ],
)
def test_answers_are_spelt_by_kind(target, answer, written):
    assert target.spell(answer) == written
