"""Any number of labels for each row, with a threshold for each."""

import numpy as np
import pytest

from luthier.errors import DataError
from luthier.records import Rows, Target
from luthier.tasks.multi_label_classification import MultiLabelClassification

ROWS = Rows.of({"text": ["one text"]})
TASK = MultiLabelClassification(MultiLabelClassification.Options())
TARGET = Target("multi-label", ("a", "b"))


def rows(*cells):
    return Rows.of({"text": ["t"] * len(cells), "labels": list(cells)})


def test_cells_hold_lists_or_separated_names():
    assert TASK.learn_target(rows("a|b", "", ["c"])).names == ("a", "b", "c")
    assert TASK.codec(TARGET).gold(rows("a|b", "", ["b"])).tolist() == [[1, 1], [0, 0], [0, 1]]


def test_no_labels_at_all_is_an_error():
    with pytest.raises(DataError, match="no labels at all"):
        TASK.learn_target(rows("", ""))


def test_thresholds_are_tuned_on_validation():
    outputs = np.linspace(-4, 4, 40)[:, None].repeat(2, axis=1)
    gold = np.stack([outputs[:, 0] > -2, outputs[:, 1] > 2], axis=1).astype(float)
    tuned = TASK.codec(TARGET).tuned(outputs, gold)
    assert tuned.target.thresholds[0] < 0.5 < tuned.target.thresholds[1]
    assert np.array_equal(tuned.decode(outputs).answers, gold.astype(bool))


def test_a_fixed_threshold_is_kept():
    task = MultiLabelClassification(MultiLabelClassification.Options(threshold=0.3))
    tuned = task.codec(TARGET).tuned(np.zeros((1, 2)), np.zeros((1, 2)))
    assert tuned.target.thresholds == (0.3, 0.3)


def test_balanced_weights_are_negatives_over_positives():
    task = MultiLabelClassification(MultiLabelClassification.Options(class_weights="balanced"))
    gold = np.array([[1, 1], [0, 1], [0, 0], [0, 1]], dtype=float)
    weights = task.codec(TARGET).objective(gold, label_smoothing=0.0).class_weights
    assert weights == pytest.approx((3.0, 1 / 3))


def test_answers_list_the_labels_given():
    predictions = TASK.codec(TARGET).decode(np.array([[2.0, -2.0]]))
    assert [answer["label"] for answer in TASK.codec(TARGET).answer(predictions, 0, ROWS)] == ["a"]
    assert len(TASK.codec(TARGET).answer(predictions, 0, ROWS, top_k=None)) == 2
