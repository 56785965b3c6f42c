"""What a server needs is named where it is not installed, whichever package it is."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules[{package!r}] = None
from luthier.cli.app import main
sys.argv = ["luthier", "serve", "nowhere"]
main()
"""


@pytest.mark.parametrize("package", ["uvicorn", "starlette", "prometheus_client"])
def test_a_missing_package_is_named_with_the_extra_that_brings_it(package):
    command = [sys.executable, "-c", PROGRAM.format(package=package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "A server needs packages that are not installed." in done.stderr
    assert package in done.stderr
    assert "[serve]" in done.stderr
    assert "Traceback" not in done.stderr
