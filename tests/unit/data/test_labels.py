"""Label cells are read by one rule."""

from __future__ import annotations

import numpy as np
import pytest

from luthier.data.labels import split_labels


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("", []),
        ("  ", []),
        (None, []),
        (float("nan"), []),
        ([], []),
        ("[]", []),
        ("joy", ["joy"]),
        ("a|b", ["a", "b"]),
        ("a; b;", ["a", "b"]),
        ("a, b,,a", ["a", "b"]),
        ("food, drink|service", ["food, drink", "service"]),
        ("a,b;c", ["a,b", "c"]),
        (["a", " b ", "", None, "a"], ["a", "b"]),
        ((1, 2.0, True), ["1", "2", "true"]),
        ({"b", "a"}, ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        ("['a, b', 'c']", ["a, b", "c"]),
        ("[a, b]", ["a", "b"]),
        ("[1, 2]", ["1", "2"]),
        (3, ["3"]),
        (2.0, ["2"]),
        ("[unclosed", ["[unclosed"]),
    ],
)
def test_cells_of_labels(cell, labels):
    assert split_labels(cell) == labels
