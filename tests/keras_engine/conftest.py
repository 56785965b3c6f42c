"""What the tests of the TensorFlow engine share."""

import warnings

import pytest
import tensorflow as tf


@pytest.fixture
def eagerly():
    """Compute without graphs, whose making takes longer than the few steps on a tiny model.

    The graphs themselves are tried by the tests that do without this.
    """
    tf.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Even though the `tf.config")  # batches keep theirs
        yield
    tf.config.run_functions_eagerly(False)
