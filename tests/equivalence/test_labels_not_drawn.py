"""A label that no drawn row has is still one that can be asked for."""

import pytest

import luthier
from luthier.registry import find
from tests.toys import FAMILY, toy_rows, toy_tree

TASKS = ("text-classification", "multi-label-classification", "token-classification")


@pytest.mark.parametrize("task", TASKS)
def test_a_draw_without_some_labels_is_trained_and_judged_on_all(task, tiny_model, tmp_path):
    tree = toy_tree(
        task,
        tiny_model(FAMILY.get(task, "bert")),
        data={"limit": {"train": 2}, "split": {"validation": 0, "test": 0.5}},
        training={"max_steps": 2, "eval_strategy": "no"},
        baselines=list(find("tasks", task).baselines),
    )
    rows = toy_rows(task)
    result = luthier.run(tree, out=tmp_path / "run", data={"train": rows})
    assert result.scores["fine-tuned"]
    names = luthier.load(result.folder).target.names
    assert set(names) == set(
        find("tasks", task)(find("tasks", task).Options()).learn_target(rows).names
    )
    assert set(result.scores) > set(find("tasks", task).baselines)
