"""Episodes are planned before anything is trained, and what cannot be is refused in words."""

import numpy as np
import pytest

from luthier.episodes.options import EpisodeOptions
from luthier.episodes.plan import plan_episodes
from luthier.errors import DataError, ModelError, RecipeError
from luthier.objective import Objective
from luthier.recipe.checks import check, fits, make_plugin
from luthier.recipe.tree import Plugin
from luthier.registry import find, names
from luthier.training.listeners import follow
from tests.toys import toy_problem, toy_tree

METHODS = [
    name for name in names("methods") if "ways" in find("methods", name).Options.model_fields
]
TRAINING = {"num_train_epochs": 2, "use_cpu": True}


def problem(tiny_model, task="text-classification", family="bert", **sections):
    training = {**TRAINING, **sections.pop("training", {})}
    return toy_problem(task, tiny_model(family), training=training, **sections)[1].job


def fit(name, job, *, told=None, **options):
    method = make_plugin("methods", Plugin(name=name, options=options))
    told = [] if told is None else told
    return follow(method.fit(job.session.make_model(True), job), told.append)


def test_these_are_the_methods_of_episodes():
    assert METHODS == ["prototypical-networks", "maml", "reptile"]


def test_all_methods_are_given_the_same_episodes(tiny_model):
    job = problem(tiny_model)
    plans = []
    for name in METHODS:
        options = find("methods", name).Options(shots=2, meta_batch=1)
        plans.append(plan_episodes(job, options).items)
    assert all(np.array_equal(plan, plans[0]) for plan in plans)


def test_the_number_of_episodes_follows_from_what_is_asked(tiny_model):
    job = problem(tiny_model)  # 45 rows, twice
    assert len(plan_episodes(job, EpisodeOptions())) == 90 / (3 * 10)
    assert len(plan_episodes(job, EpisodeOptions(episodes=7))) == 7
    few = job.with_plan(
        training=job.plan.training.model_copy(
            update={"max_steps": 5, "gradient_accumulation_steps": 2}
        )
    )
    assert len(plan_episodes(few, EpisodeOptions(episodes=7, meta_batch=3))) == 30


def test_no_text_read_in_windows_is_learned_from_and_judged_by(tiny_model):
    data = {"max_tokens": 6, "long_texts": "windows"}
    job = problem(tiny_model, data=data)
    items = job.problem.items["train"]
    assert len(items) > len(job.problem.splits.train)
    for chosen in plan_episodes(job, EpisodeOptions(shots=2)).items:
        rows = items.rows[chosen.reshape(-1)]
        assert len(np.unique(rows)) == len(rows)


@pytest.mark.parametrize("name", METHODS)
def test_fewer_classes_than_usual_are_told_of(name, tiny_model):
    told = []
    job = problem(tiny_model, training={"max_steps": 1})
    fit(name, job, told=told)
    assert told[0].message.endswith("5 classes are usual, and there are 3")


@pytest.mark.parametrize("name", METHODS)
def test_more_classes_than_there_are_may_not_be_asked_for(name, tiny_model):
    with pytest.raises(RecipeError, match="to have 4 classes, and the rows have 3") as caught:
        fit(name, problem(tiny_model), ways=4)
    assert caught.value.hint == "method.options.ways=3"


@pytest.mark.parametrize("name", METHODS)
def test_too_few_rows_of_a_class_are_told_before_training(name, tiny_model):
    told = []
    with pytest.raises(DataError, match="16 training rows") as caught:
        fit(name, problem(tiny_model), told=told, shots=6, queries=10)
    assert caught.value.received == "too few of rain (15), snow (15), sun (15)"
    assert caught.value.hint == "method.options.shots=6 method.options.queries=9"
    assert told == []


def test_a_class_without_rows_is_told(tiny_model):
    job = problem(tiny_model)
    codec = job.problem.codec.with_target(names=(*job.problem.codec.target.names, "hail"))
    with pytest.raises(DataError, match="10 training rows") as caught:
        fit("maml", job.with_problem(codec=codec))
    assert caught.value.received == "too few of hail (0)"
    assert "collect more" in caught.value.hint


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("task", ["text-regression", "multi-label-classification"])
def test_targets_without_classes_are_refused(name, task, tiny_model):
    method = find("methods", name)
    assert not fits(method, find("tasks", task))
    tree = toy_tree(task, tiny_model("bert"), method=name)
    with pytest.raises(RecipeError, match=f"'{name}' cannot learn {task}, whose outputs are per"):
        check(tree)
    with pytest.raises(RecipeError, match="each row must have exactly one label"):
        fit(name, problem(tiny_model, task))


@pytest.mark.parametrize(
    "objective", [Objective("focal"), Objective("cross-entropy", class_weights=(1.0, 2.0, 3.0))]
)
def test_weights_of_classes_and_other_losses_are_refused(objective, tiny_model):
    with pytest.raises(RecipeError, match="plain cross-entropy"):
        fit("maml", problem(tiny_model).with_plan(objective=objective))


@pytest.mark.parametrize("name", ["maml", "reptile"])
def test_activations_are_not_computed_again_with_other_weights(name, tiny_model):
    job = problem(tiny_model, training={"gradient_checkpointing": True})
    with pytest.raises(RecipeError, match="Activations cannot be recomputed"):
        fit(name, job)


def test_an_encoder_decoder_is_refused(tiny_model):
    with pytest.raises(ModelError, match="no one vector"):
        fit("reptile", problem(tiny_model, family="bart"))


def test_a_frozen_body_is_refused(tiny_model):
    job = problem(tiny_model)
    model = job.session.make_model(True)
    model.requires_grad_(False)
    method = make_plugin("methods", Plugin(name="maml", options={}))
    with pytest.raises(ModelError, match="body is frozen"):
        follow(method.fit(model, job), lambda info: None)
