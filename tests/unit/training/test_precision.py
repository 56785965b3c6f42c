"""Mixed precision is in use while training, and only then."""

import torch

from luthier.training.follow import follow
from luthier.training.loop import train
from tests.toys import toy_problem


def dtypes_seen(tiny_model, **training):
    """Train three steps; give the model and the types that a linear layer gave."""
    _, prepared = toy_problem(
        "text-classification",
        tiny_model("bert"),
        training={"max_steps": 3, "use_cpu": True, **training},
    )
    model = prepared.job.make_model(True)
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
