"""Every example in a docstring gives what it says."""

import doctest
from importlib import import_module

import pytest

from tests.docs.blocks import ROOT

SOURCE = ROOT / "src"
WITH_EXAMPLES = sorted(
    path for path in (SOURCE / "luthier").rglob("*.py") if ">>>" in path.read_text("utf-8")
)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_give_what_they_say(path):
    name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testmod(import_module(name), optionflags=flags)
    assert found.attempted > 0
    assert found.failed == 0
