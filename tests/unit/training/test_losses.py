"""Losses are sums with their weights, and agree with PyTorch's own where it has them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from luthier.objective import Objective
from luthier.training.losses import make_loss

CPU = torch.device("cpu")
WEIGHTS = (0.5, 1.0, 2.5)


def outputs_and_ids(n_rows=7, n_labels=3):
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(n_rows, n_labels, generator=generator)
    return outputs, torch.arange(n_rows) % n_labels


def mean(objective, outputs, labels):
    loss = make_loss(objective, CPU)
    return loss.total(SimpleNamespace(logits=outputs), labels, None) / loss.weight(labels, None)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_pytorchs(weights, smoothing):
    outputs, labels = outputs_and_ids()
    expected = functional.cross_entropy(
        outputs,
        labels,
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
    )
    objective = Objective("cross-entropy", class_weights=weights, label_smoothing=smoothing)
    assert torch.allclose(mean(objective, outputs, labels), expected)


def test_items_of_several_ids_weigh_as_many():
    """An episode is one item with an id for each of its queries."""
    outputs = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(0))
    ids = torch.arange(12).reshape(2, 6) % 3
    expected = functional.cross_entropy(outputs, ids)
    assert torch.allclose(mean(Objective("cross-entropy"), outputs, ids), expected)


def test_focal_loss_without_focus_is_cross_entropy():
    outputs, labels = outputs_and_ids()
    for smoothing in (0.0, 0.1):
        plain = Objective("cross-entropy", label_smoothing=smoothing)
        focal = Objective("focal", label_smoothing=smoothing, focal_gamma=0.0)
        assert torch.allclose(mean(plain, outputs, labels), mean(focal, outputs, labels))


def test_focal_loss_follows_its_formula():
    outputs, labels = outputs_and_ids()
    p = torch.softmax(outputs, dim=-1)[torch.arange(len(labels)), labels]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    assert torch.allclose(mean(Objective("focal"), outputs, labels), expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_cross_entropy_is_pytorchs(weights):
    outputs, _ = outputs_and_ids()
    labels = (torch.arange(outputs.numel()) % 2).reshape(outputs.shape).float()
    expected = functional.binary_cross_entropy_with_logits(
        outputs, labels, pos_weight=None if weights is None else torch.tensor(weights)
    )
    objective = Objective("binary-cross-entropy", class_weights=weights)
    assert torch.allclose(mean(objective, outputs, labels), expected)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_focal_loss_without_focus_is_binary_cross_entropy(weights):
    outputs, _ = outputs_and_ids()
    labels = (torch.arange(outputs.numel()) % 2).reshape(outputs.shape).float()
    plain = Objective("binary-cross-entropy", class_weights=weights, label_smoothing=0.1)
    focal = Objective("binary-focal", class_weights=weights, label_smoothing=0.1, focal_gamma=0)
    assert torch.allclose(mean(plain, outputs, labels), mean(focal, outputs, labels), atol=1e-6)


def test_binary_smoothing_pulls_towards_one_half():
    outputs = torch.zeros(1, 1)
    sure = make_loss(Objective("binary-cross-entropy", label_smoothing=1.0), CPU)
    assert float(
        sure.total(SimpleNamespace(logits=outputs), torch.ones(1, 1), None)
    ) == pytest.approx(np.log(2))


def test_squared_error_is_pytorchs():
    outputs, labels = torch.tensor([[1.0], [2.0]]), torch.tensor([0.0, 4.0])
    assert float(mean(Objective("mean-squared-error"), outputs, labels)) == 2.5


def test_a_model_may_give_its_loss_itself():
    loss = make_loss(Objective("own"), torch.device("cpu"))
    labels = torch.zeros(4, 6, dtype=torch.long)  # four items
    said = SimpleNamespace(loss=torch.tensor(8.0))
    assert loss.total(said, labels, None) / loss.weight(labels, None) == 2
