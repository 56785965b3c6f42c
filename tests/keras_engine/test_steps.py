"""Both engines take the same step from the same weights, for every optimizer and every loss."""

import numpy as np
import pytest
import tensorflow as tf
import torch

from luthier.errors import ModelError
from luthier.keras_engine.losses import make_loss
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.training.losses import make_loss as make_loss_of_torch
from tests.keras_engine.engines import furthest, problem, weights_after

# How far apart weights may be after one step, as a share of how far the step went.
OPTIMIZERS = {
    "adamw_torch": 1e-3,
    "adam": 1e-3,
    "sgd": 1e-3,
    "adamax": 1e-3,
    "rmsprop": 1e-2,  # √(v + ε²) in the place of √v + ε: the smallest gradients feel it
    "adagrad": 1e-3,
}


def both(folder, **sections):
    return [
        weights_after(problem(folder, engine=engine, **sections), dropout=False)
        for engine in ("torch", "tensorflow")
    ]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("optim", OPTIMIZERS)
def test_one_step_of_every_optimizer_is_pytorchs(tiny_model, optim):
    asked = {"max_steps": 1, "optim": optim, "learning_rate": 1e-2, "warmup_steps": 0}
    first, second = both(tiny_model("bert"), training={**asked, "weight_decay": 0.1})
    start = weights_after(
        problem(tiny_model("bert"), engine="torch", training={**asked, "learning_rate": 1e-30})
    )
    went = furthest(first, start)
    assert went > 1e-4
    # where a gradient is next to nothing, dividing by its own size magnifies what is rounding
    apart = np.concatenate([np.abs(first[name] - second[name]).ravel() for name in first])
    assert float(np.quantile(apart, 0.99)) <= OPTIMIZERS[optim] * went


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"gradient_accumulation_steps": 3, "per_device_train_batch_size": 3},
        {"train_sampling_strategy": "random", "tokens_per_batch": 60},
        {"max_grad_norm": 0.05},
        {"lr_scheduler_type": "cosine", "warmup_steps": 0.3},
        {"compact_vocabulary": False},
    ],
    ids=str,
)
def test_many_steps_of_both_engines_end_alike(tiny_model, extra):
    """By graphs: the making of one takes as long as six steps without."""
    first, second = both(
        tiny_model("bert"), training={"max_steps": 12, "learning_rate": 1e-3, **extra}
    )
    assert furthest(first, second) < 2e-4


@pytest.mark.usefixtures("eagerly")
def test_momentum_is_pytorchs_while_the_rate_stays(tiny_model):
    asked = {"optim": "sgd", "optim_args": {"momentum": 0.9}, "lr_scheduler_type": "constant"}
    first, second = both(
        tiny_model("bert"), training={"max_steps": 8, "learning_rate": 1e-2, **asked}
    )
    assert furthest(first, second) < 1e-5


IDS = np.array([2, 0, 1, 1])
TAGS = np.array([[1, 2, IGNORED], [0, IGNORED, IGNORED], [2, 2, 1], [0, 1, IGNORED]])
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]])
WEIGHTS = (0.5, 1.0, 4.0)
CASES = [
    *(
        ("cross-entropy", {"label_smoothing": smoothing, "class_weights": weights})
        for smoothing in (0.0, 0.1)
        for weights in (None, WEIGHTS)
    ),
    ("focal", {"focal_gamma": 1.5}),
    ("focal", {"label_smoothing": 0.1, "class_weights": WEIGHTS}),
    ("binary-cross-entropy", {}),
    ("binary-cross-entropy", {"label_smoothing": 0.2, "class_weights": WEIGHTS}),
    ("binary-focal", {"class_weights": WEIGHTS}),
    ("mean-squared-error", {}),
    *(
        ("token-cross-entropy", {"label_smoothing": smoothing, "class_weights": weights})
        for smoothing in (0.0, 0.1)
        for weights in (None, WEIGHTS)
    ),
    ("sequence-to-sequence", {"label_smoothing": 0.1}),
    ("span", {}),
    ("span", {"label_smoothing": 0.1}),
]


class Said:
    """What a model said, as attributes."""

    def __init__(self, **fields):
        self.__dict__.update(fields)


@pytest.mark.parametrize(("name", "fields"), CASES, ids=str)
def test_losses_and_their_gradients_are_pytorchs(name, fields):
    objective, drawn = Objective(name, **fields), np.random.default_rng(0)
    labels = {
        "binary-cross-entropy": np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]),
        "binary-focal": np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]]),
        "mean-squared-error": np.array([0.5, -1.0, 2.0, 0.0], dtype=np.float32),
        "token-cross-entropy": TAGS,
        "sequence-to-sequence": TAGS,
        "span": np.array([[0, 1], [1, 1], [2, 2], [0, 2]]),
    }.get(name, IDS)
    shape = {"mean-squared-error": (4, 1), "span": (2, 4, 3)}.get(name, (4, 3))
    shape = (4, 3, 3) if labels is TAGS else shape
    values = drawn.normal(size=shape).astype(np.float32)

    logits = torch.tensor(values, requires_grad=True)
    if name == "span":
        hidden = logits.masked_fill(~torch.tensor(MASK).bool(), float("-inf"))
        said = Said(start_logits=hidden[0], end_logits=hidden[1])
    else:
        said = Said(logits=logits)
    known = make_loss_of_torch(objective, torch.device("cpu"))
    total = known.total(said, torch.tensor(labels), None)
    total.backward()

    loss, variable = make_loss(objective), tf.Variable(values)
    with tf.GradientTape() as tape:
        given = {"logits": variable * 1.0}
        if name == "span":
            given = {"start_logits": variable[0], "end_logits": variable[1]}
        own = loss.total(given, tf.constant(labels), tf.constant(MASK))
    assert float(own) == pytest.approx(float(total.detach()), rel=1e-5)
    found = tf.convert_to_tensor(tape.gradient(own, variable)).numpy()
    np.testing.assert_allclose(found, logits.grad.numpy(), atol=1e-6)
    weight = float(known.weight(torch.tensor(labels), None))
    assert float(loss.weight(tf.constant(labels))) == pytest.approx(weight)
    assert loss.decoder == known.decoder


def test_a_loss_of_pytorch_alone_is_refused():
    with pytest.raises(ModelError, match="no twin of this loss"):
        make_loss(Objective("crf"))
