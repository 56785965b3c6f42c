"""Prompted models learn from few rows, answer through `luthier.load`, and say what does not fit."""

import numpy as np
import pytest

import luthier
from luthier.errors import LuthierError, ModelError, RecipeError
from luthier.methods.prompt_mlm import PromptMlm
from luthier.runs import RunFolder
from luthier.training.listeners import follow
from tests.outputs import outputs_of
from tests.toys import WORDS, toy_problem, toy_rows, toy_tree

TASK = "text-classification"
FEW = {"max_steps": 2, "use_cpu": True}


def fit(job, **options):
    """Train as options say; give the steps told."""
    steps = []
    follow(
        PromptMlm(PromptMlm.Options(**options)).fit(job.session.make_model(True), job), steps.append
    )
    return steps


@pytest.mark.parametrize("task", [TASK, "pair-classification"])
def test_a_run_is_loaded_and_answers_as_it_was_judged(task, tiny_model, tmp_path):
    method = {"name": "prompt-mlm", "options": {"verbaliser": WORDS.get(task, {})}}
    folder = tiny_model("bert", "MaskedLM")
    tree = toy_tree(task, folder, method=method, baselines=[], training=FEW)
    luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)})
    loaded = luthier.load(tmp_path / "run")
    kept = list(RunFolder.open(tmp_path / "run").read_predictions())
    texts = [[line["columns"][role] for line in kept] for role in loaded.task.input_roles]
    judged = [line["predictions"]["fine-tuned"]["answer"] for line in kept]
    assert [answer["label"] for answer in loaded(*texts)] == judged
    assert "must be loaded by Luthier" in (tmp_path / "run" / "model" / "README.md").read_text(
        "utf-8"
    )


def test_untrained_answers_are_the_language_models(tiny_model):
    """At a learning rate of next to nothing, the pattern alone answers: there is no fresh head."""
    job = toy_problem(TASK, tiny_model("bert", "MaskedLM"), training=FEW)[1].job
    frozen = job.with_plan(training=job.plan.training.model_copy(update={"learning_rate": 1e-12}))
    steps = []
    first, second = (
        outputs_of(follow(PromptMlm(PromptMlm.Options()).fit(None, one), steps.append), job, "test")
        for one in (
            frozen,
            frozen.with_plan(training=frozen.plan.training.model_copy(update={"seed": 1})),
        )
    )
    assert np.allclose(first, second, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pattern": "{text} It was."}, "one {mask}"),
        ({"verbaliser": {"sun": "weathervane"}}, "not a single token"),
        ({"verbaliser": {"sun": "rain"}}, "the same word"),
        ({"verbaliser": {"fog": "rain"}}, "not a label"),
    ],
)
def test_a_pattern_or_word_that_does_not_fit_is_told_before_training(options, words, tiny_model):
    job = toy_problem(TASK, tiny_model("bert", "MaskedLM"), training=FEW)[1].job
    with pytest.raises(RecipeError, match=words):
        fit(job, **options)


def test_labels_that_are_no_words_are_told_before_training(tiny_model):
    folder = tiny_model("bert", "MaskedLM")
    job = toy_problem("pair-classification", folder, training=FEW)[1].job
    with pytest.raises(RecipeError, match="The label 'agrees' has no word"):
        fit(job)


def test_a_decoder_is_refused(tiny_model):
    job = toy_problem(TASK, tiny_model("gpt2"), training=FEW)[1].job
    with pytest.raises(ModelError, match="no mask"):
        fit(job)


def test_a_checkpoint_whose_language_head_was_left_out_is_refused(tiny_model):
    job = toy_problem(TASK, tiny_model("bert"), training=FEW)[1].job
    with pytest.raises(ModelError, match="no trained head that fills masks"):
        fit(job)


def test_texts_that_leave_no_room_for_the_pattern_are_told_with_what_fits(tiny_model):
    folder = tiny_model("bert", "MaskedLM")
    pattern = "{text} " + "they say " * 28 + "{mask}."
    job = toy_problem(TASK, folder, training=FEW)[1].job
    with pytest.raises(ModelError, match="the pattern needs 58") as told:
        fit(job, pattern=pattern)
    assert told.value.hint == "data.max_tokens=6"
    fits = toy_problem(TASK, folder, training=FEW, data={"max_tokens": 6})[1].job
    assert fit(fits, pattern=pattern)


def test_another_pooling_is_refused(tiny_model, tmp_path):
    tree = toy_tree(
        TASK,
        tiny_model("bert", "MaskedLM"),
        method="prompt-mlm",
        model={"pooling": "mean"},
        baselines=[],
        training=FEW,
    )
    with pytest.raises(LuthierError, match="heads that judge whole texts"):
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(TASK)})


@pytest.mark.parametrize("task", ["multi-label-classification", "text-regression"])
def test_only_single_labels_are_words(task, tiny_model, tmp_path):
    tree = toy_tree(task, tiny_model("bert", "MaskedLM"), method="prompt-mlm", training=FEW)
    with pytest.raises(RecipeError, match="cannot learn"):
        luthier.run(tree, out=tmp_path / "run", data={"train": toy_rows(task)})
