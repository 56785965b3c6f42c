"""What every method in the catalogue promises: steps told, a loss that falls, a model kept."""

import copy
import json
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from luthier.errors import ModelError
from luthier.explaining.explain import answer_rows, explain_rows
from luthier.protocols import KINDS, UNITS
from luthier.recipe.checks import fits, make_plugin
from luthier.recipe.tree import Plugin
from luthier.records import StepInfo
from luthier.registry import find, names
from luthier.text.words import split_words
from luthier.training.listeners import follow
from luthier.training.predict import validation_outputs
from tests.outputs import outputs_of
from tests.toys import FAMILY, method_options, toy_problem

TRAINING = {
    "num_train_epochs": 8,
    "learning_rate": 1e-2,
    "logging_steps": 1,
    "load_best_model_at_end": False,
    "use_cpu": True,
}
FAMILIES = ("bert", "gpt2")  # an encoder, and a decoder, whose linear layers lie transposed
NEEDS_MASK = frozenset({"prompt-mlm"})
HEAD = {"bert": "MaskedLM"}  # of checkpoints: what pre-training leaves
UNTRAINED = {"prototypes", "knn"}  # they fit their head at once
FASTER = {"prompt-tuning": 0.3}  # learning rates of methods that train very little
OTHERS = {("bitfit", "translation"): "marian"}  # T5 has no biases


@pytest.fixture(scope="module")
def make(tiny_teacher):
    """Make methods with options that learn quickly; from whom to learn depends on the task."""

    def make_method(name, task="text-classification"):
        options = method_options(name, task, tiny_teacher)
        return make_plugin("methods", Plugin(name=name, options=options))

    return make_method


def fit(method, job, *, model=None):
    """Let a method learn; give its steps and the model."""
    steps = []
    rate = FASTER.get(method.name, job.plan.training.learning_rate)
    job = job.with_plan(training=job.plan.training.model_copy(update={"learning_rate": rate}))
    model = follow(method.fit(model or job.session.make_model(True), job), steps.append)
    return steps, model


def skip_what_says_no(method, prepared):
    """Skip a method that needs a mask, where the tokenizer has none and the method says so."""
    if method.name in NEEDS_MASK and prepared.job.problem.codec.processor.mask_token is None:
        with pytest.raises(ModelError, match="mask"):
            fit(method, prepared.job)
        pytest.skip("the method needs a mask, and says so")


@pytest.fixture(scope="module", params=FAMILIES)
def prepared(request, tiny_model):
    """Toy rows of three topics, prepared for a tiny model."""
    folder = tiny_model(request.param, HEAD.get(request.param))
    return toy_problem("text-classification", folder, training=TRAINING)[1]


@pytest.fixture(scope="module")
def few_steps(tiny_model):
    """Give toy rows prepared for two steps, prepared once for all methods with the same sections.

    Beside them stand the scores of the model before any of these steps.
    """
    made = {}

    def give(task, family, **sections):
        key = task, family, json.dumps(sections)
        if key not in made:
            training = {**TRAINING, "max_steps": 2}
            folder = tiny_model(family, HEAD.get(family))
            job = toy_problem(task, folder, training=training, **sections)[1].job
            scores = None
            if job.problem.splits.validation:
                before = validation_outputs(job.session.make_model(True), job)
                scores = job.problem.validation_scores(before)
            made[key] = job, scores
        return made[key]

    return give


@pytest.fixture(scope="module", params=names("methods"))
def fitted(request, prepared, make):
    """Every method, after it learned: (name, steps, model)."""
    skip_what_says_no(make(request.param), prepared)
    return request.param, *fit(make(request.param), prepared.job)


def test_steps_rise_to_their_number_in_every_phase(fitted):
    _, steps, _ = fitted
    assert all(isinstance(step, StepInfo) for step in steps)
    for phase in {step.phase for step in steps}:
        own = [step for step in steps if step.phase == phase]
        assert [step.step for step in own] == list(range(1, len(own) + 1))
        assert {step.n_steps for step in own} == {len(own)}


def test_training_is_told_with_loss_rate_rows_and_epochs(fitted, prepared):
    training = [step for step in fitted[1] if step.phase == prepared.job.session.phase]
    assert bool(training) != (fitted[0] in UNTRAINED)
    if not training:
        return
    assert all(math.isfinite(step.loss) and step.learning_rate >= 0 for step in training)
    epochs = [step.epoch for step in training]
    assert epochs == sorted(epochs)
    n_epochs = round(epochs[-1])
    assert n_epochs >= 1
    assert sum(step.rows for step in training) == n_epochs * len(
        prepared.job.problem.items["train"]
    )


def test_the_loss_falls(fitted, prepared):
    losses = [step.loss for step in fitted[1] if step.phase == prepared.job.session.phase]
    if fitted[0] in UNTRAINED:
        assert losses == []
        return
    quarter = len(losses) // 4
    assert np.mean(losses[-quarter:]) < np.mean(losses[:quarter])


def test_validation_is_scored_on_the_way(fitted, prepared):
    scores = [step.scores for step in fitted[1] if step.scores]
    assert scores
    assert all(prepared.job.problem.codec.task.validation_metric in found for found in scores)


def test_the_model_gives_an_output_for_each_label(fitted, prepared):
    job, model = prepared.job, fitted[2]
    outputs = outputs_of(model, job)
    assert outputs.shape == (len(job.problem.items["test"]), job.problem.codec.target.n_outputs)
    assert np.isfinite(outputs).all()
    assert not model.training


def test_what_is_saved_is_read_back_equal(fitted, prepared, make, tmp_path):
    name, _, model = fitted
    job, method = prepared.job, make(name)
    before = outputs_of(model, job)
    method.save(copy.deepcopy(model), prepared.job.problem.codec.processor, tmp_path)
    read, tokenizer = make(name).load(tmp_path)
    assert np.allclose(outputs_of(read, job), before, atol=1e-5)
    assert tokenizer.get_vocab() == prepared.job.problem.codec.processor.get_vocab()
    texts = list(job.problem.splits.test["text"])
    assert tokenizer(texts)["input_ids"] == prepared.job.problem.codec.processor(texts)["input_ids"]


def test_what_is_saved_runs_no_code_when_read(fitted, prepared, make, tmp_path):
    name, _, model = fitted
    make(name).save(copy.deepcopy(model), prepared.job.problem.codec.processor, tmp_path)
    endings = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert endings <= {".safetensors", ".json", ".txt", ".md", ".jinja"}
    assert ".safetensors" in endings


def test_its_answers_are_explained_word_by_word(fitted, prepared):
    name, _, model = fitted
    problem = prepared.job.problem
    rows = problem.splits.test.take(range(1))
    answered = answer_rows(model, problem.codec, rows, batch_size=8)
    ((by_asking,),) = explain_rows(answered, by="occlusion")
    assert np.isfinite(by_asking.attribution.values).all()
    assert len(by_asking.words) == len(split_words(rows["text"][0]))
    if name == "knn":
        with pytest.raises(ModelError, match="stored rows") as refused:
            next(iter(explain_rows(answered)))
        assert refused.value.hint == "--by occlusion"
        return
    ((by_gradient,),) = explain_rows(answered)
    found = by_gradient.attribution
    if model.config.model_type == "bert":  # the tiny decoder, trained so long, turns too sharply
        assert found.error <= 0.01
    left = found.score - found.reference - found.values.sum()
    assert abs(left) == pytest.approx(
        found.error * max(abs(found.score - found.reference), 0.1), abs=1e-4
    )
    assert found.score == pytest.approx(by_asking.attribution.score, abs=1e-4)


@pytest.mark.parametrize("name", names("methods"))
def test_the_same_seed_gives_the_same_model(name, prepared, make):
    skip_what_says_no(make(name), prepared)
    few = prepared.job.plan.training.model_copy(update={"max_steps": 3})
    short = prepared.job.with_plan(training=few)
    first, second = (outputs_of(fit(make(name), short)[1], prepared.job) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", names("methods"))
def test_a_method_needs_no_validation_rows(name, make, few_steps):
    split = {"validation": 0, "test": 0.3}
    job, _ = few_steps("text-classification", "bert", data={"split": split})
    steps, model = fit(make(name), job)
    assert all(step.scores is None for step in steps)
    assert len(outputs_of(model, job)) == len(job.problem.items["test"])


@pytest.mark.parametrize("name", names("methods"))
@pytest.mark.parametrize("task", names("tasks"))
def test_a_method_learns_any_task_of_its_units_and_kinds(name, task, make, few_steps):
    if not fits(find("methods", name), find("tasks", task)):
        pytest.skip("the method does not say that it learns such a task")
    job, before = few_steps(task, OTHERS.get((name, task), FAMILY.get(task, "bert")))
    steps, model = fit(make(name, task), job)
    after = validation_outputs(model, job)
    assert all(math.isfinite(step.loss) for step in steps if step.phase == job.session.phase)
    assert job.problem.validation_scores(after) != before or task == "multi-label-classification"
    assert len(after) == len(job.problem.splits.validation)


@pytest.mark.parametrize("name", names("methods"))
def test_frozen_weights_are_left_as_they_were(name, make, few_steps):
    structure = {"freeze_embeddings": True, "freeze_bottom": 1}
    job, _ = few_steps("text-classification", "bert", model=structure)
    model = job.session.make_model(True)
    words = model.get_input_embeddings().weight
    before = words.detach().clone()
    _, trained = fit(make(name), job, model=model)
    assert torch.equal(trained.get_input_embeddings().weight, before)


@pytest.mark.parametrize("name", names("methods"))
def test_what_a_method_learns_is_named_in_known_words(name):
    method = find("methods", name)
    assert method.units
    assert method.units <= UNITS
    assert method.kinds
    assert method.kinds <= KINDS


@pytest.mark.parametrize("name", names("methods"))
def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError, match="surely_no_option"):
        find("methods", name).Options(surely_no_option=1)
