"""Least numbers of steps are for batches whose size is known."""

import pytest

from luthier.errors import RecipeError
from luthier.recipe.load import read_recipe
from luthier.studies.lengths import lengthened


def recipe(**training):
    tree = {
        "model": "m",
        "task": "text-classification",
        "data": {"train": "rows.csv"},
        "training": {"tokens_per_batch": 400, **training},
    }
    return read_recipe(tree)


def test_passes_are_not_guessed_for_batches_by_tokens():
    with pytest.raises(RecipeError, match="batches by rows alone") as told:
        lengthened(recipe(), n_rows=100, min_steps=50)
    assert "training.tokens_per_batch=400" in told.value.received


@pytest.mark.parametrize(("training", "min_steps"), [({"max_steps": 5}, 50), ({}, 0)])
def test_without_a_least_number_nothing_is_refused(training, min_steps):
    made = lengthened(recipe(**training), n_rows=100, min_steps=min_steps)
    assert made.training.num_train_epochs == 3
