"""The additive part of what a model makes of inputs, and rows by the inputs that they have."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from luthier.evaluation.slices import parts
from luthier.explaining.reliance import additive
from luthier.records import Rows, Target

READ = [torch.randn(12, 1, generator=torch.Generator().manual_seed(n)) for n in range(3)]
PRESENT = torch.ones(12, 3)


def head(compute):
    return SimpleNamespace(head=lambda read, present: compute(*read))


def test_what_adds_up_is_all_additive():
    sums = head(lambda a, b, c: torch.cat([a + 2 * b - c, 3 * c], dim=1))
    assert np.allclose(additive(sums, READ, PRESENT), sums.head(READ, PRESENT), atol=1e-5)


def test_of_a_product_only_what_each_factor_says_alone_is_additive():
    a, b, _ = READ
    product = head(lambda a, b, c: a * b)
    both = a.mean() * b.mean()
    expected = a * b.mean() + a.mean() * b - 2 * both + (2 * both + (a * b).mean()) / 3
    assert np.allclose(additive(product, READ, PRESENT), expected, atol=1e-5)
    assert not np.allclose(additive(product, READ, PRESENT), a * b, atol=0.1)


@pytest.mark.parametrize(("n_lacking", "n_parts"), [(0, 0), (19, 1), (25, 2)])
def test_rows_with_the_same_inputs_are_a_part_if_they_are_twenty(n_lacking, n_parts):
    patterns = ["title + photo"] * 30 + ["title"] * n_lacking
    n_rows = len(patterns)
    found = list(
        parts(
            Target("number", ()),
            np.zeros(n_rows),
            Rows.of({"title": ["a"] * n_rows}),
            np.ones(n_rows, dtype=int),
            (),
            patterns,
        )
    )
    own = [(value, int(inside.sum())) for by, value, inside in found if by == "inputs"]
    assert own == [("title + photo", 30), ("title", n_lacking)][:n_parts]
