"""Losses are averaged for the log, and spikes are seen."""

import pytest

from luthier.training.window import RECENT, Window


def test_the_mean_is_that_since_the_last_call():
    window = Window()
    for loss in (1.0, 2.0):
        window.add(loss)
    assert window.mean() == 1.5
    window.add(4.0)
    assert window.mean() == 4.0


@pytest.mark.parametrize(("loss", "is_spike"), [(1.9, False), (2.1, True)])
def test_a_spike_is_twice_the_highest_of_the_recent_losses(loss, is_spike):
    window = Window()
    assert not any(window.add(0.5 + (step % 2) / 2) for step in range(RECENT))
    assert window.add(loss) is is_spike


def test_the_first_steps_are_no_spikes():
    window = Window()
    assert not any(window.add(10.0**step) for step in range(5))


def test_a_window_goes_on_from_its_state():
    one, other = Window(), Window()
    for loss in range(RECENT):
        one.add(float(loss))
    other.load_state_dict(one.state_dict())
    assert other.add(200.0)
    assert (other.losses[:-1], one.losses) == (one.losses, list(map(float, range(RECENT))))
