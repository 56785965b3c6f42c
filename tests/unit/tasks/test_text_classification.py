"""One label for each row: target, gold, loss, decoding, answers."""

import numpy as np
import pytest

from luthier.errors import DataError
from luthier.records import Rows, Target
from luthier.tasks.text_classification import TextClassification

ROWS = Rows.of({"text": ["one text"]})
TASK = TextClassification(TextClassification.Options())
TARGET = Target("single-label", ("no", "yes"))


def rows(*labels):
    return Rows.of({"text": ["t"] * len(labels), "label": list(labels)}, name="f.csv")


def test_labels_are_learned_in_a_fixed_order():
    assert TASK.learn_target(rows("yes", "no", "yes")).names == ("no", "yes")
    assert TASK.learn_target(rows(2, 10, 1)).names == ("1", "2", "10")


def test_a_single_label_is_nothing_to_learn():
    with pytest.raises(DataError, match="nothing to tell apart"):
        TASK.learn_target(rows("yes", "yes"))


def test_a_missing_label_column_is_named():
    with pytest.raises(DataError) as caught:
        TASK.learn_target(Rows.of({"text": ["a"], "stars": ["1"]}))
    assert "data.columns.label" in caught.value.hint
    assert "stars" in caught.value.received


def test_gold_are_ids():
    assert TASK.codec(TARGET).gold(rows("yes", "no")).tolist() == [1, 0]


def test_missing_texts_read_as_empty():
    assert TASK.texts(Rows.of({"text": [None, "a"], "label": ["x", "y"]})) == (["", "a"],)


def test_balanced_weights_make_every_label_count_the_same():
    task = TextClassification(TextClassification.Options(class_weights="balanced"))
    gold = np.array([0, 0, 0, 1])
    weights = task.codec(TARGET).objective(gold, label_smoothing=0.0).class_weights
    assert weights == pytest.approx((4 / 6, 2.0))
    assert np.bincount(gold) * np.array(weights) == pytest.approx([2.0, 2.0])


def test_loss_and_smoothing_reach_the_objective():
    task = TextClassification(TextClassification.Options(loss="focal", focal_gamma=1.5))
    objective = task.codec(TARGET).objective(np.array([0, 1]), label_smoothing=0.1)
    assert (objective.name, objective.focal_gamma, objective.label_smoothing) == ("focal", 1.5, 0.1)


def test_answers_have_the_shape_of_a_pipeline():
    predictions = TASK.codec(TARGET).decode(np.array([[0.0, np.log(3.0)]]))
    assert TASK.codec(TARGET).answer(predictions, 0, ROWS) == {
        "label": "yes",
        "score": pytest.approx(0.75),
    }
    everything = TASK.codec(TARGET).answer(predictions, 0, ROWS, top_k=None)
    assert [answer["label"] for answer in everything] == ["yes", "no"]
    assert len(TASK.codec(TARGET).answer(predictions, 0, ROWS, top_k=2)) == 2
