"""This process knows its memory, and returns freed memory where that can be done."""

import ctypes
import gc

import pytest

from luthier import process


@pytest.fixture
def fresh_lookup():
    """Look the C library up again, before and after."""
    process._malloc_trim.cache_clear()
    yield
    process._malloc_trim.cache_clear()


def test_peak_memory_is_measured():
    assert process.peak_memory_mib() > 1


def test_garbage_is_looked_for_again_after_importing_and_after_an_error():
    with process.importing():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ModuleNotFoundError), process.importing():
        import nothing_of_this_name  # noqa: F401
    assert gc.isenabled()
    gc.unfreeze()


@pytest.mark.parametrize("problem", [OSError, AttributeError, TypeError])
def test_memory_is_kept_where_the_c_library_cannot_return_it(problem, fresh_lookup, monkeypatch):
    def refuse(name):
        raise problem

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    process.release_memory()


def test_freed_memory_is_returned_to_the_system(fresh_lookup, monkeypatch):
    calls = []
    library = type("Library", (), {"malloc_trim": staticmethod(calls.append)})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    process.release_memory()
    assert calls == [0]
