"""The recipe that `init` writes is short, commented and valid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier.recipe.load import read_recipe
from luthier.recipe.starter import MODEL, STARTS, starter_tree, write_starter
from luthier.recipe.yaml_text import parse_yaml
from luthier.registry import find, names


def starter(task, columns, train, *, reasons=()):
    tree = starter_tree(task, columns, {"train": train})
    return write_starter(tree, reasons=reasons, name="recipe.yaml")


@pytest.mark.parametrize("task", names("tasks"))
def test_a_starter_is_a_valid_recipe(task, tmp_path):
    columns = {column.role: f"my {column.role}" for column in find("tasks", task).columns}
    text = starter(task, columns, "rows.csv", reasons=["3 values in 90 rows"])
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.task.name == task
    assert recipe.data.columns == columns
    assert recipe.data.train == str(tmp_path / "rows.csv")
    can_be_an_encoder = find("tasks", task).auto_model not in STARTS
    assert (recipe.model.name == MODEL) == can_be_an_encoder
    assert [b.name for b in recipe.baselines or ()] == list(find("tasks", task).baselines)


def test_a_starter_is_short_and_tells_why():
    text = starter("text-classification", {"text": "t", "label": "l"}, "r.csv", reasons=["a\nb"])
    assert len(text.splitlines()) < 50
    assert "# Why: a\n# Why: b\n" in text
    assert max(map(len, text.splitlines())) <= 100


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_any_column_and_file_name_survives(column, train):
    text = starter("text-classification", {"text": column, "label": "no"}, train, reasons=[])
    content = parse_yaml(text, name="recipe.yaml")[0]
    assert content["data"]["columns"] == {"text": column, "label": "no"}
    assert content["data"]["train"] == train
