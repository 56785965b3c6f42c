"""The loss of a student: none where it says what its teacher says, and scaled as in the paper."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from luthier.objective import Objective, Teaching
from luthier.training.losses import make_loss

CPU = torch.device("cpu")
N_ROWS, N_LABELS, WIDTH = 6, 3, 4


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def answers_of(hard):
    """Give true answers as columns, for each kind of loss."""
    if hard.startswith("binary"):
        return (torch.arange(N_ROWS * N_LABELS).reshape(N_ROWS, N_LABELS) % 2).float()
    if hard == "mean-squared-error":
        return drawn(N_ROWS, 1, seed=3)
    return (torch.arange(N_ROWS) % N_LABELS).float()[:, None]


def make(hard="cross-entropy", *, alpha=1.0, temperature=2.0, states=None, **settings):
    """Make loss, labels, and the teacher's outputs."""
    answers = answers_of(hard)
    n_outputs = 1 if hard == "mean-squared-error" else N_LABELS
    taught = 3 * drawn(N_ROWS, n_outputs, seed=1)
    teaching = Teaching(
        Objective(hard, **settings), answers.shape[1], n_outputs, temperature, alpha
    )
    parts = [answers, taught] + ([] if states is None else [states])
    loss = make_loss(Objective("distillation", teaching=teaching), CPU)
    return loss, torch.cat(parts, dim=1), taught


ALL = ("cross-entropy", "focal", "binary-cross-entropy", "binary-focal", "mean-squared-error")


@pytest.mark.parametrize("hard", ALL)
def test_who_says_what_the_teacher_says_learns_nothing_from_it(hard):
    loss, labels, taught = make(hard)
    logits = taught.clone().requires_grad_()
    total = loss.total(SimpleNamespace(logits=logits), labels, None)
    total.backward()
    assert abs(total.item()) < 1e-5
    assert logits.grad.abs().max() < 1e-5


@pytest.mark.parametrize("hard", ALL)
def test_without_a_teachers_share_it_is_the_loss_of_the_labels(hard):
    loss, labels, _ = make(hard, alpha=0.0)
    plain = make_loss(Objective(hard), CPU)
    answers = answers_of(hard)
    if hard in ("cross-entropy", "focal"):
        answers = answers[:, 0].long()
    elif hard == "mean-squared-error":
        answers = answers[:, 0]
    said = SimpleNamespace(logits=drawn(N_ROWS, labels.shape[1] - answers_of(hard).shape[1]))
    assert torch.allclose(loss.total(said, labels, None), plain.total(said, answers, None))
    assert torch.allclose(loss.weight(labels, None), plain.weight(answers, None))


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_gradient_is_that_of_the_papers_cross_entropy_times_t_squared(temperature):
    loss, labels, taught = make(temperature=temperature)
    logits, same = (drawn(N_ROWS, N_LABELS).requires_grad_() for _ in range(2))
    loss.total(SimpleNamespace(logits=logits), labels, None).backward()
    wanted = functional.softmax(taught / temperature, dim=-1)
    papers = -(wanted * functional.log_softmax(same / temperature, dim=-1)).sum()
    (temperature**2 * papers).backward()
    assert torch.allclose(logits.grad, same.grad, atol=1e-5)


def test_hot_targets_compare_centred_logits():
    """Equation 4 of the paper: T² times the gradient tends to (z - v) / N, logits centred."""
    loss, labels, taught = make(temperature=1000.0)
    logits = drawn(N_ROWS, N_LABELS).requires_grad_()
    loss.total(SimpleNamespace(logits=logits), labels, None).backward()
    centred = [one - one.mean(dim=1, keepdim=True) for one in (logits.detach(), taught)]
    assert torch.allclose(logits.grad, (centred[0] - centred[1]) / N_LABELS, atol=1e-2)


def test_several_labels_are_compared_each_by_itself():
    loss, labels, taught = make("binary-cross-entropy", temperature=2.0)
    logits = drawn(N_ROWS, N_LABELS)
    wanted = torch.sigmoid(taught / 2)
    apart = functional.binary_cross_entropy_with_logits(logits / 2, wanted, reduction="sum")
    least = functional.binary_cross_entropy(wanted, wanted, reduction="sum")
    found = loss.total(SimpleNamespace(logits=logits), labels, None)
    assert torch.allclose(found, 4 * (apart - least), atol=1e-4)
    assert loss.weight(labels, None) == N_ROWS * N_LABELS


@pytest.mark.parametrize("hard", ["cross-entropy", "mean-squared-error"])
def test_states_are_compared_by_their_mean_squared_difference(hard):
    states = drawn(N_ROWS, WIDTH, seed=5)
    loss, labels, taught = make(hard, states=states)
    near = SimpleNamespace(logits=taught, states=states)
    far = SimpleNamespace(logits=taught, states=states + 2.0)
    assert abs(loss.total(near, labels, None).item()) < 1e-5
    assert torch.allclose(loss.total(far, labels, None), torch.tensor(4.0 * N_ROWS), atol=1e-4)


def test_a_row_weighs_in_the_soft_loss_as_in_the_hard_one():
    weights = (0.5, 1.0, 2.5)
    loss, labels, _ = make(class_weights=weights)
    unweighted, _, _ = make()
    logits = drawn(N_ROWS, N_LABELS)
    expected = sum(
        weights[row % N_LABELS]
        * unweighted.total(SimpleNamespace(logits=logits[[row]]), labels[[row]], None)
        for row in range(N_ROWS)
    )
    assert torch.allclose(loss.total(SimpleNamespace(logits=logits), labels, None), expected)
    assert loss.weight(labels, None) == 2 * sum(weights)


@pytest.mark.parametrize("hard", ALL)
def test_a_batch_weighs_as_much_as_its_rows_apart(hard):
    loss, labels, _ = make(hard, alpha=0.3)
    n_outputs = 1 if hard == "mean-squared-error" else N_LABELS
    logits = drawn(N_ROWS, n_outputs)
    whole = loss.total(SimpleNamespace(logits=logits), labels, None)
    apart = [
        loss.total(SimpleNamespace(logits=logits[rows]), labels[rows], None)
        for rows in (slice(0, 2), slice(2, 6))
    ]
    assert torch.allclose(whole, sum(apart))
