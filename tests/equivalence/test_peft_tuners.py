"""Every tuner that peft has: it learns, is read back and merged equal, or says why not at once."""

import copy

import numpy as np
import pytest

from luthier.adapters.peft_config import tuners
from luthier.adapters.peft_method import can_merge, merged
from luthier.errors import LuthierError, ModelError, RecipeError
from luthier.recipe.checks import make_plugin
from luthier.recipe.tree import Plugin
from luthier.training.listeners import follow
from tests.outputs import outputs_of
from tests.toys import FAMILY, toy_problem

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # peft's, told to users as they are
TRAINING = {"max_steps": 3, "learning_rate": 1e-2, "use_cpu": True, "eval_strategy": "no"}
NARROW = {  # numbers that fit layers of 32 and 64
    "C3A": {"block_size": 8},
    "MISS": {"r": 8},
    "SHIRA": {"r": 4},
    "ROAD": {"group_size": 8},
    "VBLORA": {"vector_length": 8, "num_vectors": 16},
    "WAVEFT": {"n_frequency": 64},
    "CPT": {},
}
NEVER = {  # these ask for what no recipe says, or for work between the steps
    *("ADAPTION_PROMPT", "CPT", "MULTITASK_PROMPT_TUNING", "POLY"),
    *("SHADOW", "TRAINABLE_TOKENS", "XLORA"),
}
NOT_TRANSPOSED = 15  # at least so many tuners know GPT-2's transposed layers


def tune(tuner, task, folder):
    """Let a tuner learn three steps; give the method, what was prepared, and the model."""
    _, prepared = toy_problem(task, folder, training=TRAINING)
    options = {"tuner": tuner, "config": NARROW.get(tuner, {})}
    if tuner in ("PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING"):
        options["config"] = {"num_virtual_tokens": 3}
    if tuner == "LILY":
        options["merge"] = False
    method = make_plugin("methods", Plugin(name="peft", options=options))
    model = follow(
        method.fit(prepared.job.session.make_model(True), prepared.job), lambda info: None
    )
    return method, prepared, model


def spelled(outputs, job):
    """Write the answers on the test rows out."""
    rows = job.problem.splits.test
    answers = job.problem.codec.decode(outputs).answers
    return [job.problem.codec.to_json(answers, row, rows) for row in range(len(rows))]


def works(tuner, task, tiny_model, tmp_path, family="bert"):
    """Say whether a tuner works; where not, it must say so in peft's or our words."""
    try:
        method, prepared, model = tune(tuner, task, tiny_model(family))
    except LuthierError as problem:
        return not problem.hint
    before = outputs_of(model, prepared.job)
    fresh = outputs_of(prepared.job.session.make_model(True), prepared.job)
    if task == "text-classification":
        assert not np.allclose(before, fresh, atol=1e-6), "nothing was learned"
        if can_merge(model):
            whole = outputs_of(merged(copy.deepcopy(model)).eval(), prepared.job)
            assert np.allclose(whole, before, atol=1e-5)
    method.save(model, prepared.job.problem.codec.processor, tmp_path)
    read, _ = method.load(tmp_path)
    after = outputs_of(read, prepared.job)
    if task == "text-classification":
        assert np.allclose(after, before, atol=1e-5)
    kept, read_back = spelled(before, prepared.job), spelled(after, prepared.job)
    assert read_back == (pytest.approx(kept, rel=1e-5) if task == "causal-lm" else kept)
    return True


@pytest.mark.parametrize("tuner", sorted(tuners()))
def test_it_is_read_back_equal_or_says_why_not(tuner, tiny_model, tmp_path):
    assert works(tuner, "text-classification", tiny_model, tmp_path) == (tuner not in NEVER)


def test_most_fit_transposed_layers_or_say_so(tiny_model, tmp_path):
    fitting = [
        tuner
        for tuner in sorted(tuners())
        if works(
            tuner,
            "text-classification",
            tiny_model,
            tmp_path.with_name(f"{tmp_path.name}-{tuner}"),  # the base model stands beside it
            family="gpt2",
        )
    ]
    assert len(fitting) >= NOT_TRANSPOSED, fitting


@pytest.mark.parametrize("tuner", ["LOHA", "VERA", "IA3", "PREFIX_TUNING", "PROMPT_TUNING"])
@pytest.mark.parametrize("task", ["translation", "causal-lm", "token-classification"])
def test_it_answers_the_same_when_read_back(task, tuner, tiny_model, tmp_path):
    if task == "causal-lm" and tuner == "LOHA":
        pytest.skip("peft has it for plain linear layers alone, not for GPT-2's")
    assert works(tuner, task, tiny_model, tmp_path, family=FAMILY.get(task, "bert"))


def test_an_unknown_tuner_is_told():
    with pytest.raises(RecipeError, match="peft has no tuner called 'LORRA'") as caught:
        make_plugin("methods", Plugin(name="peft", options={"tuner": "LORRA"}))
    assert "LORA" in caught.value.hint


@pytest.mark.parametrize(
    "config",
    [
        {"rnak": 4},
        {"megatron_core": "os"},
        {"auto_mapping": {"base_model_class": "os"}},
        {"base_model_name_or_path": "elsewhere"},
        {"corda_config": {"cache_file": "x.pt"}},
        {"layers_pattern": "a/b"},
        {"init_lora_weights": "../x"},
    ],
)
def test_fields_that_reach_elsewhere_are_refused(config):
    with pytest.raises(RecipeError, match=r"no field|plain words"):
        make_plugin("methods", Plugin(name="peft", options={"tuner": "lora", "config": config}))


def test_targets_that_no_layer_has_are_refused_before_training(tiny_model):
    _, prepared = toy_problem("text-classification", tiny_model("bert"), training=TRAINING)
    plugin = Plugin(name="ia3", options={"target_modules": ["q_proj"]})
    with pytest.raises(ModelError, match="called 'q_proj'") as caught:
        next(
            make_plugin("methods", plugin).fit(prepared.job.session.make_model(True), prepared.job)
        )
    assert "query" in caught.value.hint


def test_prompts_need_room(tiny_model):
    sections = {"training": TRAINING, "data": {"max_tokens": 64}}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), **sections)
    plugin = Plugin(name="prompt-tuning", options={"num_virtual_tokens": 63})
    with pytest.raises(ModelError, match="the prompt takes 63 of them") as caught:
        next(
            make_plugin("methods", plugin).fit(prepared.job.session.make_model(True), prepared.job)
        )
    assert caught.value.hint == "data.max_tokens=3"


def test_prompts_are_not_put_before_a_changed_model(tiny_model):
    sections = {"training": TRAINING, "model": {"reinitialise_top": 1}}
    _, prepared = toy_problem("text-classification", tiny_model("bert"), **sections)
    plugin = Plugin(name="prefix-tuning", options={"num_virtual_tokens": 3})
    with pytest.raises(ModelError, match="changes the base model"):
        next(
            make_plugin("methods", plugin).fit(prepared.job.session.make_model(True), prepared.job)
        )
