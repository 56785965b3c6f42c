"""One signal stops the work, another hurries it, and none keeps it from being written down."""

import os
import signal

import pytest

from luthier import signals
from luthier.signals import Interrupted, Terminated, asked, end, listening, patience


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, Interrupted), (signal.SIGTERM, Terminated)]
)
def test_the_first_stops_at_once_outside_a_step(number, error):
    with listening(), pytest.raises(error):
        send(number)


def test_the_first_waits_for_a_step_and_the_second_does_not():
    with listening(), patience():
        send(signal.SIGINT)
        assert asked() == signal.SIGINT
        with pytest.raises(Interrupted):
            send(signal.SIGINT)


@pytest.mark.parametrize("number", signals.SIGNALS)
def test_none_is_taken_while_it_is_written_down_that_the_work_was_stopped(number, monkeypatch):
    with listening():
        with pytest.raises(Interrupted):
            end("Stopped after a step.", signal.SIGINT)
        send(number)  # nothing happens
        assert asked() == 0
        monkeypatch.setattr(signals, "ENDING", 0.0)
        with pytest.raises((Interrupted, Terminated)):
            send(number)  # what is written after that may be given up


def test_what_begins_anew_can_be_stopped_at_once():
    with listening(), pytest.raises(Interrupted):
        send(signal.SIGINT)
    with listening(), pytest.raises(Interrupted):
        send(signal.SIGINT)
