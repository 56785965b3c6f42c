"""What every augmenter promises: the same change for the same draw, and a run that goes on."""

import numpy as np
import pytest
from pydantic import ValidationError

from luthier import pipeline
from luthier.errors import RecipeError
from luthier.job import Augmenter
from luthier.protocols import KINDS, UNITS
from luthier.recipe.load import read_recipe
from luthier.registry import find, names
from luthier.runs import RunFolder
from luthier.signals import Interrupted
from luthier.training.augmented import AugmentedRows, prepare_augmenters
from luthier.training.listeners import follow
from tests.torture.trial import file_hash
from tests.toys import toy_problem, toy_rows, toy_tree

TASK = "text-classification"
each = pytest.mark.parametrize("name", names("augmenters"))


@pytest.fixture(scope="module")
def plugin_of(tiny_model, tmp_path_factory):
    """Give an augmenter as a recipe names it; two tiny runs translate, if it needs such."""
    made = {}

    def give(name):
        if name != "back-translation":
            return {"name": name, "options": {"chance": 0.9}}
        if not made:
            folder = tmp_path_factory.mktemp("translations")
            training = {"num_train_epochs": 1}
            tree = toy_tree("translation", tiny_model("t5"), training=training, baselines=[])
            for way in ("there", "back"):
                rows = {"train": toy_rows("translation")}
                made[way] = pipeline.run(tree, out=folder / way, data=rows).folder
        return {"name": name, "options": made}

    return give


def ready(plugin, tiny_model, task=TASK):
    """Prepare augmented rows."""
    job = toy_problem(task, tiny_model("bert"), augmentation=[plugin])[1].job
    steps = []
    follow(prepare_augmenters(job), steps.append)
    return job, AugmentedRows(job), steps


def same(one, other):
    return all(np.array_equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


@each
def test_it_is_described(name):
    plugin = find("augmenters", name)
    assert plugin.name == name
    assert plugin.__doc__.strip()
    assert issubclass(plugin, Augmenter)
    assert plugin.units <= UNITS
    assert plugin.kinds <= KINDS
    assert all(field.description for field in plugin.Options.model_fields.values())


@each
def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError, match="surely_no_option"):
        find("augmenters", name).Options(surely_no_option=1)


@each
def test_a_row_follows_from_the_seed_the_epoch_and_the_row(name, plugin_of, tiny_model):
    job, augmented, _ = ready(plugin_of(name), tiny_model)
    items, chosen = job.problem.items["train"], np.arange(12)
    first = augmented.batch(items, chosen, epoch=0)
    assert same(first, augmented.batch(items, chosen, epoch=0))
    assert not same(first, augmented.batch(items, chosen, epoch=1))
    alone = augmented.batch(items, chosen[3:4], epoch=0)
    n_tokens = int(alone.inputs["attention_mask"].sum())
    assert np.array_equal(
        alone.inputs["input_ids"][0][:n_tokens], first.inputs["input_ids"][3][:n_tokens]
    )
    assert np.array_equal(first.targets, items.target_array[chosen])


@each
def test_training_rows_alone_are_changed_and_a_run_goes_on_to_the_same_weights(
    name, plugin_of, tiny_model, tmp_path
):
    training = {"max_steps": 8, "save_strategy": "steps", "save_steps": 3, "logging_steps": 1}
    tree = toy_tree(
        TASK,
        tiny_model("bert"),
        training=training,
        baselines=[],
        augmentation=[plugin_of(name)],
    )

    def stop(info):
        if info.phase == "fine-tuning" and info.step == 5:
            raise Interrupted("Stopped.")

    given = {"train": toy_rows(TASK)}
    pipeline.run(tree, out=tmp_path / "whole", data=given)
    with pytest.raises(Interrupted):
        pipeline.run(tree, out=tmp_path / "cut", data=given, listeners=[stop])
    pipeline.run(tree, out=tmp_path / "cut", data=given)
    tree["training"]["dataloader_num_workers"] = 2
    pipeline.run(tree, out=tmp_path / "workers", data=given)
    plain = {**tree, "augmentation": []}
    pipeline.run(plain, out=tmp_path / "plain", data=given)
    runs = [RunFolder(tmp_path / one) for one in ("whole", "cut", "workers", "plain")]
    hashes = [file_hash(run.model / "model.safetensors") for run in runs]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    rows = [run.read_json("data")["splits"] for run in runs]
    assert rows[0] == rows[3]


@each
@pytest.mark.parametrize("task", names("tasks"))
def test_answers_that_a_change_would_make_untrue_are_refused(name, task, plugin_of, tiny_model):
    described = find("tasks", task)
    tree = toy_tree(task, tiny_model("bert"), augmentation=[plugin_of(name)])
    if described.unit == "sequence":
        read_recipe(tree)
        return
    with pytest.raises(RecipeError, match=f"answers of {task} untrue") as caught:
        read_recipe(tree)
    assert "augmentation=[]" in str(caught.value)
