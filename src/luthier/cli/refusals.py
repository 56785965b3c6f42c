"""Turns what the operating system refuses (memory, room on a disk, a name) into errors in words.

Where more is known, errors are raised where it is: a batch that does not fit, a run's disk that is
full. What comes to `failures.py` in spite of that is put into words here.
"""

from __future__ import annotations

import errno
import re

from luthier.environment import lacking
from luthier.errors import LuthierError

REFUSED = {  # what the system refuses -> what was expected, and what to do
    errno.ENAMETOOLONG: (
        "A name or a path is longer than the file system allows.",
        "a shorter one; names have at most 255 bytes nearly everywhere",
    ),
    errno.ENOSPC: ("The disk is full.", "free some space there, then give the same command again"),
    errno.EDQUOT: ("The disk quota is used up.", "free some space, then give the same command"),
    errno.EFBIG: (
        "A file is larger than this process may write.",
        "raise the limit (ulimit -f), then give the same command again",
    ),
    errno.EACCES: ("A file or folder may not be opened.", "allow it (chmod), or name another one"),
    errno.EPERM: ("A file or folder may not be changed.", "allow it (chmod), or name another one"),
    errno.EROFS: ("A folder is on a disk that cannot be written to.", "name another one"),
    errno.EMFILE: ("Too many files are open at once.", "raise the limit: ulimit -n 4096"),
}
SHORT_OF_MEMORY = (
    *("out of memory", "allocate memory", "not enough memory", "unable to allocate"),
    *("failed to map segment", "cannot map"),
)
SMALLER = (
    "give it more (ulimit -v, or end other programs), or take less: "
    "training.per_device_train_batch_size, data.max_tokens, data.limit.train, or a smaller model"
)


def refusal(problem: BaseException) -> LuthierError | None:
    """Put what the system refused into words; None if it was something else."""
    if isinstance(problem, OSError) and problem.errno in REFUSED:
        expected, fix = REFUSED[problem.errno]
        where = "" if problem.filename is None else f"{str(problem.filename)[:200]}: "
        return LuthierError(expected, received=f"{where}{problem.strerror}", hint=fix)
    if isinstance(problem, ImportError) and (found := lacking(problem)) is not None:
        return found
    words = str(problem)
    is_short = isinstance(problem, MemoryError) or (
        isinstance(problem, (RuntimeError, OSError, ImportError))
        and any(told in words.lower() for told in SHORT_OF_MEMORY)
    )
    if not is_short:
        return None
    from luthier.process import memory_facts

    asked = re.search(r"allocate ([\d.,]+ ?[A-Za-z]+)", words)
    told = f"{asked[1]} more were asked for; " if asked else ""
    return LuthierError("There is not enough memory.", received=told + memory_facts(), hint=SMALLER)
