"""Probabilities are those of SciPy, to the last bit, in any type and of any size."""

import numpy as np
import pytest
import scipy.special

from luthier.metrics.softmax import softmax


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7,), (5, 3), (2, 4, 6), (0, 3)])
def test_softmax_is_that_of_scipy(kind, shape):
    logits = (np.random.default_rng(0).normal(size=shape) * 1000).astype(kind)
    ours = softmax(logits)
    assert ours.dtype == kind
    assert np.array_equal(ours, scipy.special.softmax(logits, axis=-1))
