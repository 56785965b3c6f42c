"""Whatever is opened, nothing of it runs, and what is refused is named."""

import importlib
import os
import pickle
import socket
import subprocess
import sys

import pytest

from luthier.errors import DataError
from tests.torture.hostile import Workshop, artefacts, fault
from tests.torture.opening import SECRET, open_apart
from tests.torture.payloads import MODULE, PICKLE

pytestmark = pytest.mark.slow
ARTEFACTS = artefacts()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.mark.parametrize("number", range(len(ARTEFACTS)), ids=lambda n: ARTEFACTS[n].name)
def test_nothing_runs_on_opening(number, workshop):
    artefact = ARTEFACTS[number]
    outcome = workshop.open(artefact, number)
    assert fault(artefact, outcome) == ""
    assert outcome.mebibytes < 500


def test_artefacts_are_many_and_of_different_names():
    assert len({artefact.name for artefact in ARTEFACTS}) == len(ARTEFACTS) >= 60


def import_module_there():
    sys.path.insert(0, os.getcwd())
    importlib.import_module("own")


CARELESS = {
    "unpickling": lambda: pickle.loads(PICKLE),
    "importing": import_module_there,
    "a command": lambda: os.system("true"),
    "a process": lambda: subprocess.run(["true"], check=True),
    "the network": lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
}


@pytest.mark.parametrize("name", CARELESS)
def test_what_runs_is_seen(name, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "own.py").write_text(MODULE)
    assert open_apart(work, CARELESS[name]).executed


def test_what_leaves_its_folder_is_seen(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / SECRET).write_text("secret")
    (work / "link").symlink_to(f"../{SECRET}")
    assert open_apart(work, lambda: (work / "link").read_text()).escaped
    assert open_apart(work, lambda: (work / ".." / "new").write_text("")).escaped
    assert not open_apart(work, lambda: (work / "new").write_text("")).escaped


def test_a_traceback_is_told_from_an_error_in_words(tmp_path):
    def mistake():
        raise DataError("This is wrong.")

    assert open_apart(tmp_path, mistake).refused
    assert "ZeroDivisionError" in open_apart(tmp_path, lambda: 1 / 0).broken
