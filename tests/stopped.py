"""Runs that are stopped at a step, in a new process each time.

Importing takes longer than such a run, so two starters make the processes; they take turns, and
sets have other orders in each. What differs between a run and its resumption is then what differs
between two commands.
"""

from __future__ import annotations

import atexit
import itertools
import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.torture.trial import Starter

STOPPED = 9
turns = itertools.cycle((0, 1))


@cache
def starter(number: int) -> Starter:
    """Begin a starter; it ends with this process."""
    made = Starter("tests.stopped:run_until")
    atexit.register(made.close)
    return made


def stopped_at(tree: Mapping[str, Any], out: Path, stop: str = "") -> int:
    """Run a recipe until a step, as `PHASE STEP`, or to its end; return the exit code: 9, or 0."""
    out.parent.mkdir(parents=True, exist_ok=True)
    ended = starter(next(turns)).begin(out.parent, [json.dumps(tree), str(out), stop]).wait()
    assert ended.code in (0, STOPPED), ended.said
    return ended.code


def run_until(tree: str, out: str, stop: str) -> None:
    """Run what `stopped_at` asks for."""
    import luthier
    from luthier.records import StepInfo
    from luthier.signals import Interrupted

    def give_up(info: StepInfo) -> None:
        if f"{info.phase} {info.step}" == stop:
            raise Interrupted("Stopped.")

    try:
        luthier.run(json.loads(tree), out=out, listeners=[give_up])
    except Interrupted:
        sys.exit(STOPPED)
