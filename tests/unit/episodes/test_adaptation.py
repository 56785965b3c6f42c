"""What is learned from a few rows: class means as a head, and steps of gradient descent."""

import numpy as np
import pytest
import torch

from luthier.episodes.adaptation import (
    LinearHead,
    adapt,
    begin_head,
    class_means,
    descend,
    head_of_means,
    stored_features,
)
from luthier.errors import DataError
from luthier.models.heads import PooledClassifier
from luthier.models.load import build_model, load_saved, load_tokenizer, save_model


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(str(tiny_model("bert")))


@pytest.fixture
def model(tiny_model, tokenizer):
    return build_model(
        str(tiny_model("bert")),
        tokenizer=tokenizer,
        labels=["a", "b"],
        problem_type=None,
        pooling="mean",
    ).eval()


def rows_of(tokenizer, texts):
    return dict(tokenizer(texts, padding=True, return_tensors="pt"))


def test_class_means_are_means_of_classes():
    features = torch.tensor([[1.0, 0], [3, 0], [0, 5]])
    assert class_means(features, torch.tensor([1, 1, 0]), 2).tolist() == [[0, 5], [2, 0]]


def test_a_class_without_rows_is_named():
    with pytest.raises(DataError, match="needs at least one row") as caught:
        class_means(torch.ones(2, 3), torch.tensor([0, 2]), 3)
    assert caught.value.received == "none of class 1"


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_a_row_of_an_unknown_class_is_refused(labels):
    with pytest.raises(DataError, match="There are 3 classes, numbered from 0"):
        class_means(torch.ones(2, 3), torch.tensor(labels), 3)


@pytest.mark.parametrize("temperature", [None, 1.0, 7.0])
def test_the_head_says_what_distances_say(temperature):
    features, means = torch.randn(20, 8), torch.randn(3, 8)
    distances = torch.cdist(features, means).square() / (temperature or 8**0.5)
    said = head_of_means(means, temperature=temperature)(features).log_softmax(dim=1)
    assert torch.allclose(said, (-distances).log_softmax(dim=1), atol=1e-5)


def test_a_head_may_begin_where_all_classes_are_as_likely():
    head = begin_head(torch.randn(4, 8), torch.arange(4) % 2, 2, begin="zeros", temperature=None)
    assert not head.weight.any()
    assert not head.bias.any()


def inner_and_outer(*, second_order, rate=0.5):
    """Differentiate an outer loss through one inner step; give it, and what it was made of."""
    weight = torch.tensor([1.5], dtype=torch.float64, requires_grad=True)
    head = LinearHead(
        torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    )
    inner = {"x": torch.tensor([[2.0]], dtype=torch.float64)}, torch.tensor([1])
    x, y = torch.tensor([[-1.0]], dtype=torch.float64), torch.tensor([1])
    ends, _, _ = descend(
        lambda weights, rows: rows["x"] * weights["w"],
        {"w": weight},
        head,
        [inner],
        rate=rate,
        second_order=second_order,
    )
    logits = torch.nn.functional.linear(x * ends["w"], head.weight)
    torch.nn.functional.cross_entropy(logits, y).backward()
    return float(weight.grad)


def by_hand(*, second_order, rate=0.5):
    """Do the same on paper: d outer/dw = outer'(w') (1 - rate inner''(w)), w' = w - rate inner'."""
    w, x, y, other = 1.5, 2.0, 1.0, -1.0

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    end = w - rate * (sigmoid(w * x) - y) * x
    slope = (sigmoid(end * other) - y) * other
    curve = sigmoid(w * x) * (1 - sigmoid(w * x)) * x**2
    return slope * (1 - rate * curve) if second_order else slope


@pytest.mark.parametrize("second_order", [True, False])
def test_the_gradient_through_a_step_is_the_one_worked_out_by_hand(second_order):
    found = inner_and_outer(second_order=second_order)
    assert found == pytest.approx(by_hand(second_order=second_order), rel=1e-9)


def test_second_derivatives_matter():
    first, second = (inner_and_outer(second_order=order) for order in (False, True))
    assert abs(first - second) > 0.01


def test_steps_bring_the_loss_down_and_leave_what_they_began_from():
    features, classes = torch.randn(12, 8), torch.arange(12) % 3
    head = LinearHead(torch.zeros(3, 8), torch.zeros(3))
    steps = [({"features": features}, classes)] * 5
    _, end, losses = descend(
        lambda weights, rows: rows["features"], {}, head, steps, rate=0.3, second_order=False
    )
    assert [float(loss) for loss in losses] == sorted(map(float, losses), reverse=True)
    assert float(losses[0]) == pytest.approx(np.log(3), rel=1e-5)
    assert not head.weight.any()
    assert end.weight.any()


@pytest.mark.parametrize("second_order", [True, False])
def test_first_order_takes_the_slope_as_given_for_stored_features_too(second_order):
    features = torch.randn(4, 8, requires_grad=True)
    head = LinearHead(torch.zeros(2, 8), torch.zeros(2))
    steps = [({"features": features}, torch.arange(4) % 2)]
    _, end, _ = descend(stored_features, {}, head, steps, rate=0.1, second_order=second_order)
    assert end.weight.requires_grad == second_order


TEXTS = ["rain over town", "drizzle over the coast", "sun over the hills", "warmth over the lake"]
CLASSES = torch.tensor([0, 0, 1, 1])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"inner_steps": 30, "head": "zeros", "inner_learning_rate": 0.5},
        {"inner_steps": 5, "body": True, "inner_learning_rate": 0.01},
    ],
    ids=["means", "head alone", "body too"],
)
def test_new_classes_are_learned_from_a_few_rows(model, tokenizer, how):
    before = {name: one.clone() for name, one in model.state_dict().items()}
    rows = rows_of(tokenizer, TEXTS)
    adapted = adapt(model, rows, CLASSES, ["wet", "fair"], **how)
    with torch.no_grad():
        assert adapted(**rows).logits.argmax(dim=1).tolist() == CLASSES.tolist()
    assert adapted.config.id2label == {0: "wet", 1: "fair"}
    assert model.config.id2label == {0: "a", 1: "b"}
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())


def test_the_body_moves_only_where_that_is_asked_for(model, tokenizer):
    rows = rows_of(tokenizer, TEXTS)
    names = ["wet", "fair"]
    still = adapt(model, rows, CLASSES, names, inner_steps=3)
    moved = adapt(model, rows, CLASSES, names, inner_steps=3, body=True, temperature=50.0)

    def first(model):
        return model.inner.encoder.layer[0].output.dense.weight

    assert torch.equal(first(still), first(model))
    assert not torch.equal(first(moved), first(model))


def test_an_adapted_model_is_saved_and_read_back(model, tokenizer, tmp_path):
    rows = rows_of(tokenizer, TEXTS)
    classes = torch.tensor([0, 0, 1, 2])
    adapted = adapt(model, rows, classes, ["wet", "fair", "warm"])
    save_model(adapted, tokenizer, tmp_path)
    read, _ = load_saved(tmp_path)
    assert isinstance(read, PooledClassifier)
    with torch.no_grad():
        assert torch.allclose(read(**rows).logits, adapted(**rows).logits, atol=1e-5)
