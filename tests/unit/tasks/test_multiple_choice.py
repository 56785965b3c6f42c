"""Choices and labels as people write them."""

import numpy as np
import pytest

from luthier.columns import Limits
from luthier.errors import DataError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import Rows
from tests.tiny import make_tokenizer

TASK = make_plugin("tasks", Plugin(name="multiple-choice"))


def adapted(**columns):
    return TASK.normalize(Rows.of({"text": ["It is"], **columns}, name="c.csv"))[0]


@pytest.mark.parametrize(
    "columns",
    [
        {"choices": [["wet", "dry"]]},
        {"choices": ["wet|dry"]},
        {"choices": [{"text": ["wet", "dry"], "label": ["A", "B"]}]},
        {"ending0": ["wet"], "ending1": ["dry"]},
        {"option1": ["wet"], "option2": ["dry"]},
    ],
)
def test_choices_of_any_shape_become_a_list(columns):
    assert adapted(**columns)["choices"] == [["wet", "dry"]]


def test_numbers_may_begin_at_one():
    rows = adapted(choices=[["wet", "dry"]], label=["2"])
    with pytest.raises(DataError) as caught:
        TASK.codec(TASK.learn_target(rows)).gold(rows)
    assert "task.options.first_number=1" in caught.value.hint
    task = make_plugin("tasks", Plugin(name="multiple-choice", options={"first_number": 1}))
    assert task.codec(task.learn_target(rows)).gold(rows).tolist() == [1]


def test_endings_stand_in_the_order_of_their_numbers():
    columns = {f"ending{number}": [str(number)] for number in range(11)}
    assert adapted(**columns)["choices"] == [[str(number) for number in range(11)]]


@pytest.mark.parametrize("lead", ["question", "sent2"])
def test_what_leads_to_the_choices_is_put_before_each(lead):
    rows = adapted(choices=[["wet", "dry"]], **{lead: ["Today is"]})
    assert rows["choices"] == [["Today is wet", "Today is dry"]]


@pytest.mark.parametrize("label", [1, "1", 1.0, "B", "b", "dry"])
def test_a_label_is_a_number_a_letter_or_the_choice(label):
    rows = adapted(choices=[["wet", "dry"]], label=[label])
    assert TASK.codec(TASK.learn_target(rows)).gold(rows).tolist() == [1]


@pytest.mark.parametrize("label", [2, -1, "c", "damp", None, ""])
def test_a_label_that_is_no_choice_is_refused_with_its_place(label):
    rows = adapted(choices=[["wet", "dry"]], label=[label])
    with pytest.raises(DataError, match=r"c\.csv:1"):
        TASK.codec(TASK.learn_target(rows)).gold(rows)


def test_one_choice_is_nothing_to_choose_from():
    with pytest.raises(DataError, match="nothing to choose"):
        TASK.learn_target(adapted(choices=[["wet"]]))


def test_a_choice_that_a_row_lacks_is_never_given():
    rows = Rows.of({"text": ["a", "b"], "choices": [["x", "y", "z"], ["x", "y"]]})
    target = TASK.learn_target(rows)
    tokenizer = make_tokenizer("bert")
    codec = TASK.codec(target, tokenizer, Limits(16))
    items = codec.encode(rows)
    batch = codec.batch(items, np.array([0, 1]))
    assert batch.inputs["input_ids"].shape[:2] == (2, 3)
    said = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]], dtype=np.float32)
    outputs = codec.outputs({"logits": said}, items, rows)
    predictions = codec.decode(outputs)
    assert predictions.answers.tolist() == [2, 1]
    assert predictions.probabilities[1, 2] == 0
    assert [one["label"] for one in codec.answer(predictions, 1, rows, top_k=None)] == [
        "y",
        "x",
    ]
