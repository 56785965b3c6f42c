"""Mixed precision and compilation are in use while training, and only then."""

import pytest
import torch

from luthier.errors import RecipeError
from luthier.recipe.tree import Training
from luthier.training.listeners import follow
from luthier.training.loop import train
from luthier.training.optimizer import check_training
from tests.silence import silence
from tests.toys import toy_problem


def dtypes_seen(tiny_model, **training):
    """Train three steps; give the model and the types that a linear layer gave."""
    _, prepared = toy_problem(
        "text-classification",
        tiny_model("bert"),
        training={"max_steps": 3, "use_cpu": True, **training},
    )
    model = prepared.job.session.make_model(True)
    seen = set()
    layer = next(part for part in model.modules() if isinstance(part, torch.nn.Linear))
    handle = layer.register_forward_hook(lambda _, __, said: seen.add(said.dtype))
    model = follow(train(model, prepared.job), lambda info: None)
    handle.remove()
    return model, seen


def test_layers_compute_in_what_was_asked_for(tiny_model):
    assert dtypes_seen(tiny_model, bf16=False, unpadded=False)[1] == {torch.float32}
    _, seen = dtypes_seen(tiny_model, bf16=True, unpadded=False)
    assert torch.bfloat16 in seen


def test_a_model_that_was_trained_so_is_a_plain_one_again(tiny_model):
    model, _ = dtypes_seen(tiny_model, bf16=True)
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    assert "_original_forward" not in model.__dict__
    said = model(input_ids=torch.tensor([[1, 2, 3]]))
    assert said.logits.dtype == torch.float32


def learned(tiny_model, **training):
    """Train five steps without dropout; give the weights and the model."""
    _, prepared = toy_problem(
        "text-classification",
        tiny_model("bert"),
        training={"max_steps": 5, "use_cpu": True, "adam_epsilon": 1e-5, **training},
    )
    model = prepared.job.session.make_model(True)
    silence(model)
    model = follow(train(model, prepared.job), lambda info: None)
    return model, model.state_dict()


@pytest.mark.thorough  # the compiler takes most of ten seconds
def test_a_compiled_model_learns_the_same_and_is_a_plain_one_again(tiny_model):
    model, compiled = learned(tiny_model, torch_compile=True, torch_compile_backend="aot_eager")
    _, plain = learned(tiny_model)
    assert compiled.keys() == plain.keys()
    largest = max(float(values.abs().max()) for values in plain.values())
    for name, values in plain.items():
        assert torch.allclose(compiled[name], values, rtol=0, atol=1e-5 * largest), name
    assert type(model).__name__ == "BertForSequenceClassification"
    assert "_original_forward" not in model.__dict__


def test_an_unknown_compiler_is_refused_at_once():
    with pytest.raises(RecipeError) as caught:
        check_training(Training(torch_compile=True, torch_compile_backend="inductr"))
    assert "torch_compile_backend" in caught.value.received
    assert "did you mean 'inductor'" in caught.value.received
