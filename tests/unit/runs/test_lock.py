"""A run folder has one owner, and a dead owner is none."""

import json
import os

import pytest

from luthier.errors import RunError
from luthier.process import is_dead, this_process
from luthier.runs import lock as locking
from luthier.runs.lock import OWNER, Lock


def test_a_second_owner_is_told_who_the_first_is(tmp_path):
    first = Lock(tmp_path)
    first.take()
    with pytest.raises(RunError) as caught:
        Lock(tmp_path).take()
    assert f"held by process {os.getpid()} on " in caught.value.received
    first.release()
    Lock(tmp_path).take()


def test_an_owner_that_has_not_said_who_it_is_is_waited_for_and_then_told(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "SECONDS_TO_SAY", 0.1)
    first = Lock(tmp_path)
    first.take()
    (tmp_path / OWNER).write_text("not json")
    with pytest.raises(RunError, match="Another process") as caught:
        Lock(tmp_path).take()
    assert "has not said who it is" in caught.value.received
    first.release()


def test_a_process_that_is_no_more_is_dead():
    here = this_process()
    assert not is_dead(here)
    assert is_dead({**here, "process": 2**22 + 1})
    assert is_dead({**here, "born": here["born"] - 100})  # its number was given to another
    assert not is_dead({**here, "host": "another-machine", "process": 2**22 + 1})


def test_what_a_dead_owner_left_does_not_hold_anybody_up(tmp_path):
    (tmp_path / OWNER).write_text(json.dumps({**this_process(), "process": 2**22 + 1}))
    lock = Lock(tmp_path)
    lock.take()
    assert json.loads((tmp_path / OWNER).read_text())["process"] == os.getpid()
