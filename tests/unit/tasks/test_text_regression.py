"""Numbers are learned in standard deviations and answered in their own unit."""

import numpy as np
import pytest

from luthier.errors import DataError, RecipeError
from luthier.records import Rows
from luthier.tasks.text_regression import TextRegression

ROWS = Rows.of({"text": ["one text"]})
TASK = TextRegression(TextRegression.Options())


def rows(*numbers):
    return Rows.of({"text": ["t"] * len(numbers), "label": list(numbers)}, name="f.csv")


def test_targets_are_scaled_and_answers_scaled_back():
    made = rows("10", 20, "30")
    target = TASK.learn_target(made)
    gold = TASK.codec(target).gold(made)
    scaled = TASK.codec(target).to_targets(gold)
    assert scaled.mean() == pytest.approx(0.0, abs=1e-6)
    assert scaled.std() == pytest.approx(1.0)
    assert TASK.codec(target).decode(scaled[:, None]).answers == pytest.approx([10.0, 20.0, 30.0])


@pytest.mark.parametrize("cell", ["n/a", "", None, "nan", "inf"])
def test_what_is_not_a_number_is_named_with_its_place(cell):
    with pytest.raises(DataError, match=r"f\.csv:2 is not a number"):
        TASK.learn_target(rows("1", cell))


def test_one_number_for_all_is_nothing_to_predict():
    with pytest.raises(DataError, match="nothing to predict"):
        TASK.learn_target(rows("1", "1"))


def test_label_smoothing_is_refused():
    with pytest.raises(RecipeError) as caught:
        TASK.codec(TASK.learn_target(rows(1, 2))).objective(
            np.array([1.0, 2.0]), label_smoothing=0.1
        )
    assert caught.value.hint == "training.label_smoothing_factor=0"


def test_answers_have_the_shape_of_a_pipeline():
    target = TASK.learn_target(rows(1, 3))
    predictions = TASK.codec(target).decode(np.array([[0.0]]))
    assert TASK.codec(target).answer(predictions, 0, ROWS) == {"label": "value", "score": 2.0}
