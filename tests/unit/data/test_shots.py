"""Few labels: as many of each, the same for all, and the fewer within the more."""

import itertools

import numpy as np
import pytest

from luthier.data.shots import few_shots
from luthier.errors import DataError
from luthier.records import Rows


def rows_of(counts):
    """Make rows with so many of each label, mixed."""
    labels = [label for label, n in counts.items() for _ in range(n)]
    np.random.default_rng(0).shuffle(labels)
    return Rows.of({"text": [f"text {n}" for n in range(len(labels))], "label": labels})


def test_every_label_gives_the_same_number():
    drawn = few_shots(rows_of({"a": 50, "b": 9, "c": 8}), "label", 8, seed=0)
    assert sorted(drawn["label"]) == ["a"] * 8 + ["b"] * 8 + ["c"] * 8


def test_a_draw_follows_from_its_seed_alone():
    rows = rows_of({"a": 50, "b": 50})
    first, again, other = (few_shots(rows, "label", 4, seed=seed)["text"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(5))
def test_fewer_lie_within_more(seed):
    rows = rows_of({"a": 50, "b": 50, 3: 40})
    draws = [set(few_shots(rows, "label", n, seed=seed)["text"]) for n in (1, 4, 16, 32)]
    assert all(few < more for few, more in itertools.pairwise(draws))


def test_rows_keep_their_order_and_places():
    rows = rows_of({"a": 20, "b": 20})
    drawn = few_shots(rows, "label", 5, seed=0)
    lines = drawn.lines.tolist()
    assert lines == sorted(lines)
    assert [rows["text"][line - 1] for line in lines] == drawn["text"]


def test_one_and_one_point_zero_are_one_label():
    rows = Rows.of({"text": list("abcd"), "label": [1, 1.0, "2", 2]})
    assert len(few_shots(rows, "label", 2, seed=0)) == 4


def test_a_label_with_too_few_is_named():
    with pytest.raises(DataError, match="1 of 3 labels have too few") as caught:
        few_shots(rows_of({"a": 20, "b": 20, "rare": 3}), "label", 8, seed=0)
    assert "rare has 3" in caught.value.received
    assert caught.value.hint.startswith("data.shots=3")
