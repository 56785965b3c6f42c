"""A training that changes nothing is refused before it starts, or reported afterwards."""

import json

import pytest
import torch

from luthier import run
from luthier.build_problem import prepare
from luthier.errors import DataError, TrainingError
from luthier.methods.lora import LoraOptions
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Training
from luthier.registry import find
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.optimizer import make_optimizer, make_schedule
from tests.toys import toy_problem, toy_rows, toy_tree


def train_toys(tiny_model, *, change=None, **training):
    """Train a tiny BERT; give its steps, and whether a weight changed."""
    _, prepared = toy_problem(
        "text-classification", tiny_model("bert"), training={"eval_strategy": "no", **training}
    )
    model, seen = prepared.job.session.make_model(True), []
    if change is not None:
        change(model)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    model = follow(train(model, prepared.job), seen.append)
    changed = any(not one.equal(before[name]) for name, one in model.named_parameters())
    return seen, changed


def lasting(steps):
    return [step.message for step in steps if step.is_lasting]


def test_a_training_whose_only_step_has_rate_0_is_refused(tiny_model):
    with pytest.raises(TrainingError, match="learning rate is 0 at the only step") as caught:
        train_toys(tiny_model, max_steps=1, warmup_steps=1)
    assert "training.warmup_steps=0" in caught.value.hint


def test_a_share_of_warmup_leaves_one_step(tiny_model):
    steps, changed = train_toys(tiny_model, max_steps=1)
    assert changed
    assert not lasting(steps)


def test_shares_of_more_steps_are_rounded_up_as_in_transformers():
    for n_steps in (2, 3, 10, 25):
        settings = Training(warmup_steps=0.1, learning_rate=1.0)
        weight = torch.nn.Parameter(torch.zeros(2, 2))
        optimizer = make_optimizer([("weight", weight)], settings)
        schedule = make_schedule(optimizer, settings, n_steps=n_steps)
        rates = [schedule.lr_lambdas[0](step) for step in range(n_steps)]
        assert rates.index(max(rates)) == -(-n_steps // 10)


def test_a_frozen_model_is_refused(tiny_model):
    with pytest.raises(TrainingError, match="every weight of the model is frozen"):
        train_toys(tiny_model, change=lambda model: model.requires_grad_(False))


def test_updates_below_the_precision_of_weights_are_reported(tiny_model):
    steps, changed = train_toys(tiny_model, max_steps=3, learning_rate=1e-50)
    assert not changed
    assert "No weight changed: updates were too small" in lasting(steps)[0]


@pytest.mark.parametrize(
    ("decay", "words"), [(0.0, "No weight changed: every gradient"), (0.1, "weights only decayed")]
)
def test_gradients_that_are_all_0_are_reported(tiny_model, decay, words):
    def cut(model):  # nothing that the weights do reaches the loss
        forward = model.forward

        def without_gradient(*given, **named):
            outputs = forward(*given, **named)
            outputs.logits = outputs.logits * 0
            return outputs

        model.forward = without_gradient

    steps, _ = train_toys(
        tiny_model, change=cut, max_steps=2, weight_decay=decay, unpadded=False, warmup_steps=0
    )
    assert words in lasting(steps)[0]


def test_adapters_that_add_nothing_are_reported(tiny_model):
    _, prepared = toy_problem(
        "text-classification", tiny_model("bert"), training={"max_steps": 3, "unpadded": False}
    )
    for is_cut in (True, False):
        model, seen = prepared.job.session.make_model(True), []
        if is_cut:  # what adapters do reaches no loss
            model.classifier.register_forward_pre_hook(lambda _, given: (given[0].detach(),))
        follow(find("methods", "lora")(LoraOptions()).fit(model, prepared.job), seen.append)
        assert ["adapters add nothing" in one for one in lasting(seen)] == [True] * is_cut


def test_the_report_repeats_it(tiny_model, tmp_path):
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[])
    tree["training"] |= {"learning_rate": 1e-50, "num_train_epochs": 1}
    result = run(
        tree, data={"train": toy_rows("text-classification").columns}, out=tmp_path / "run"
    )
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "No weight changed" in report
    events = (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line).get("is_lasting") for line in events)
    assert result.folder == str(tmp_path / "run")


def conversation(answer):
    question = {"role": "user", "content": "what is it about the sun and the rain " * 12}
    return {"messages": [question, {"role": "assistant", "content": answer}]}


@pytest.mark.parametrize("packing", [True, False])
def test_answers_that_are_all_truncated_are_refused(packing, tiny_model):
    rows = [conversation("sun") for _ in range(12)]
    with pytest.raises(DataError, match="6 of 6 training rows have no target"):
        prepared_chat(rows, tiny_model, packing=packing)


def test_some_answers_that_are_truncated_are_a_finding(tiny_model):
    short = {"messages": [{"role": "user", "content": "is it"}, conversation("sun")["messages"][1]]}
    rows = [*[conversation("rain") for _ in range(6)], *[short for _ in range(12)]]
    found = prepared_chat(rows, tiny_model, packing=False).findings
    (finding,) = [one for one in found if one.code == "nothing-to-learn"]
    assert finding.severity == "warning"
    assert 0 < finding.count < 9


def prepared_chat(rows, tiny_model, *, packing):
    tree = toy_tree(
        "causal-lm",
        tiny_model("gpt2", "CausalLM"),
        data={"max_tokens": 16, "long_texts": "cut"},
        options={"packing": packing},
    )
    recipe = read_recipe(tree)
    return prepare(recipe, make_plugin("tasks", recipe.task), {"train": rows})
