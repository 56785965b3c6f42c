"""The machine is described, and memory is given back where that can be done."""

import ctypes

import pytest

from luthier import environment


@pytest.fixture
def forgotten():
    """Forget which C library there is, before and after."""
    environment._trim.cache_clear()
    yield
    environment._trim.cache_clear()


def test_a_run_is_described_by_versions_machine_and_command():
    about = environment.describe()
    assert about["packages"]["torch"]
    assert about["cores"] >= 1
    assert about["memory_gib"] > 0
    assert environment.peak_memory_mib() > 1


@pytest.mark.parametrize("problem", [OSError, AttributeError, TypeError])
def test_memory_is_kept_where_the_c_library_cannot_give_it_back(problem, forgotten, monkeypatch):
    def refuse(name):
        raise problem

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    environment.give_back_memory()


def test_freed_memory_is_given_back_to_the_system(forgotten, monkeypatch):
    told = []
    library = type("Library", (), {"malloc_trim": staticmethod(told.append)})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    environment.give_back_memory()
    assert told == [0]
