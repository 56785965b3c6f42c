"""What the operating system refuses is told in words, with what to do."""

import errno
import os

import pytest

from luthier.cli.refusals import refusal

TOLD = {
    "a name": (OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "n" * 5000), "longer"),
    "a full disk": (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/a"), "disk is full"),
    "a limit of files": (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "ulimit -f"),
    "a shut folder": (PermissionError(errno.EACCES, "no", "/root/a"), "may not be opened"),
    "memory": (MemoryError(), "not enough memory"),
    "memory of NumPy": (MemoryError("Unable to allocate 1.86 GiB for an array"), "1.86 GiB more"),
    "memory of PyTorch": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 77 bytes."),
        "77 bytes more",
    ),
    "memory of a library": (ImportError("a.so: failed to map segment from shared object"), "GiB"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_the_system_refuses_is_told(name):
    problem, says = TOLD[name]
    told = refusal(problem)
    assert told is not None
    assert says in str(told)
    assert len(str(told)) < 1000
    assert told.hint


@pytest.mark.parametrize(
    "problem", [OSError(errno.EIO, "broken"), RuntimeError("no such thing"), ImportError("x")]
)
def test_anything_else_stays_a_bug(problem):
    assert refusal(problem) is None
