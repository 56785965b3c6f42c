"""Commands in a new process: one for several, where it is not newness itself that is tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = """
import json, sys
from luthier.cli.app import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["luthier", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    print(end="\\0", flush=True)
"""


def in_a_new_process(
    *commands: Sequence[object], cwd: Path, env: Mapping[str, str] | None = None, code: int = 0
) -> tuple[list[str], str]:
    """Run commands one after another in one new process, each of which has to succeed.

    Args:
        commands: The words of each, after `luthier`.
        cwd: Where they work.
        env: Additions to the environment.
        code: Exit code of the last one.

    Returns:
        What each of them printed, and what any of them wrote to stderr.
    """
    asked = json.dumps([[str(word) for word in words] for words in commands])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    *said, rest = done.stdout.split("\0")
    said += [rest] if code else []
    assert len(said) == len(commands)
    return said, done.stderr
