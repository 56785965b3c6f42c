"""What is tried, and in which order."""

from __future__ import annotations

import pytest

from luthier.budget.candidates import AS_WRITTEN, frozen_candidates, tuned_candidates
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Plugin
from luthier.registry import names


def base_of(task: str = "text-classification", **sections):
    columns = {"text": "text", "label": "label"} if task == "text-classification" else {}
    tree = {"model": "somewhere", "task": task, "data": {"train": "a.csv", "columns": columns}}
    recipe = read_recipe({**tree, **sections})
    return recipe, make_plugin("tasks", recipe.task)


def tuned(recipe, task, *, per_class: float = 100, width: int = 384) -> list[str]:
    return [one.name for one in tuned_candidates(recipe, task, per_class=per_class, width=width)]


def test_pairs_come_first_with_few_labels_and_last_of_all_weights_with_many():
    recipe, task = base_of()
    assert tuned(recipe, task, per_class=8)[0] == "contrastive"
    many = tuned(recipe, task)
    assert many[:3] == ["full, learning rate 0.0002", AS_WRITTEN, "full, learning rate 0.0001"]
    assert many.index("contrastive") > many.index(AS_WRITTEN)


def test_a_rate_that_is_near_the_recipes_own_is_not_tried_twice():
    recipe, task = base_of(training={"learning_rate": 2e-4})
    assert tuned(recipe, task)[:2] == ["full, learning rate 0.0001", AS_WRITTEN]


def test_the_recipe_as_it_is_is_left_as_it_is():
    recipe, task = base_of(method={"name": "lora", "options": {"rank": 4}}, training={"seed": 3})
    found = tuned_candidates(recipe, task, per_class=100, width=384)
    written = next(one for one in found if one.name == AS_WRITTEN)
    assert written.recipe(recipe) == recipe
    assert "lora" not in [one.name for one in found]


def test_another_method_brings_its_own_defaults_and_keeps_what_was_asked_for():
    recipe, task = base_of(training={"weight_decay": 0.5})
    found = tuned_candidates(recipe, task, per_class=100, width=384)
    lora = next(one for one in found if one.name == "lora").recipe(recipe, epochs=2.5)
    assert lora.training.learning_rate == 5e-4
    assert lora.training.weight_decay == 0.5
    assert lora.training.num_train_epochs == 2.5


@pytest.mark.parametrize("name", names("tasks"))
def test_every_task_has_something_to_try(name):
    options = {"inputs": {"text": "text"}} if name.startswith("multimodal") else {}
    task = make_plugin("tasks", Plugin(name=name, options=options))
    recipe, _ = base_of()
    found = frozen_candidates(recipe, task, 8)
    found += tuned_candidates(recipe, task, per_class=8, width=768)
    assert AS_WRITTEN in [one.name for one in found]
    assert len({one.name for one in found}) == len(found)
