"""Losses are read when somebody asks, averaged for the log, and spikes are seen."""

import pytest
import torch

from luthier.training.loss_log import RECENT, LossLog


def add(window, *losses):
    """Take losses, and say of each whether it is a spike."""
    for step, loss in enumerate(losses, start=1):
        window.add(step, torch.tensor(loss), torch.tensor(1.0))
    return [one.is_spike for one in window.read()]


def test_the_mean_is_that_since_the_last_call():
    window = LossLog()
    add(window, 1.0, 2.0)
    assert window.mean() == 1.5
    add(window, 4.0)
    assert window.mean() == 4.0


@pytest.mark.parametrize(("loss", "is_spike"), [(1.9, False), (2.1, True)])
def test_a_spike_is_twice_the_highest_of_the_recent_losses(loss, is_spike):
    window = LossLog()
    assert not any(add(window, *(0.5 + (step % 2) / 2 for step in range(RECENT))))
    assert add(window, loss) == [is_spike]


def test_the_first_steps_are_no_spikes():
    assert not any(add(LossLog(), *(10.0**step for step in range(5))))


def test_what_was_added_is_read_once_and_in_order():
    window = LossLog()
    window.add(7, torch.tensor(1.0), torch.tensor(3.0))
    window.add(8, torch.tensor(2.0), torch.tensor(4.0))
    assert [one[:3] for one in window.read()] == [(7, 1.0, 3.0), (8, 2.0, 4.0)]
    assert window.read() == []


def test_a_window_goes_on_from_its_state():
    one, other = LossLog(), LossLog()
    add(one, *map(float, range(RECENT)))
    other.load_state_dict(one.state_dict())
    assert add(other, 200.0) == [True]
    assert (other.losses[:-1], one.losses) == (one.losses, list(map(float, range(RECENT))))


def test_a_state_has_what_nobody_has_read_yet():
    window = LossLog()
    window.add(1, torch.tensor(1.0), torch.tensor(0.5))
    assert window.state_dict()["losses"] == [1.0]
    assert [reading.step for reading in window.read()] == [1], "it is still to be told"
