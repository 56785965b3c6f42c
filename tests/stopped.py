"""Runs that are stopped at a step, in a new process each time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = """
import json, sys
import luthier
from luthier.signals import Interrupted

tree, out, stop = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]

def give_up(info):
    if f"{info.phase} {info.step}" == stop:
        raise Interrupted("Stopped.")

try:
    luthier.run(tree, out=out, listeners=[give_up])
except Interrupted:
    sys.exit(9)
"""


def stopped_at(tree: Mapping[str, Any], out: Path, stop: str = "") -> int:
    """Run a recipe until a step, as `PHASE STEP`, or to its end; return the exit code: 9, or 0."""
    words = [sys.executable, "-c", PROGRAM, json.dumps(tree), str(out), stop]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 9), done.stderr
    return done.returncode
