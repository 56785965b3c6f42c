"""Runs that are stopped at a step, in a new process each time.

Importing takes longer than such a run. So a process that has imported, and done nothing else, makes
a child for each run, whose random numbers are others; two such processes take turns, in which sets
have other orders. What differs between a run and its resumption is then what differs between two
commands.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PROGRAM = """
import json, os, random, sys
import numpy, torch
import luthier
from luthier.signals import Interrupted

def run(tree, out, stop):
    def give_up(info):
        if f"{info.phase} {info.step}" == stop:
            raise Interrupted("Stopped.")

    try:
        luthier.run(tree, out=out, listeners=[give_up])
    except Interrupted:
        return 9
    return 0

def child(asked, errors):
    for number, path in ((0, os.devnull), (1, os.devnull), (2, errors)):
        os.dup2(os.open(path, os.O_RDWR), number)
    random.seed(), numpy.random.seed(), torch.seed()
    code = 1
    try:
        code = run(*asked)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)

luthier.run  # with all that it imports
for line in sys.stdin:
    *asked, errors = json.loads(line)
    made = os.fork()
    if not made:
        child(asked, errors)
    print(os.waitstatus_to_exitcode(os.waitpid(made, 0)[1]), flush=True)
"""
turns = itertools.cycle("12")


@cache
def starter(hash_seed: str) -> subprocess.Popen[str]:
    """Start a process that makes children; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    atexit.register(process.kill)
    return process


def stopped_at(tree: Mapping[str, Any], out: Path, stop: str = "") -> int:
    """Run a recipe until a step, as `PHASE STEP`, or to its end; return the exit code: 9, or 0."""
    process = starter(next(turns))
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as errors:
        print(json.dumps([tree, str(out), stop, errors.name]), file=process.stdin, flush=True)
        code = int(process.stdout.readline())
        assert code in (0, 9), errors.read()
    return code
