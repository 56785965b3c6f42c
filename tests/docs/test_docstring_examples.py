"""Every example in a docstring gives what it says."""

import ast
import doctest
import inspect
from importlib import import_module
from textwrap import dedent

import pytest

import luthier
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


@pytest.mark.parametrize("name", [name for name in luthier.__all__ if name[0].islower()])
def test_examples_of_public_functions_call_what_there_is(name):
    """They train models and are not run; their calls must fit the signatures all the same."""
    text = inspect.getdoc(getattr(luthier, name))
    example = text.partition("Example:\n")[2]
    calls = [one for one in ast.walk(ast.parse(dedent(example))) if isinstance(one, ast.Call)]
    ours = [one for one in calls if ast.unparse(one.func).startswith("luthier.")]
    for call in ours:
        function = getattr(luthier, ast.unparse(call.func).removeprefix("luthier."))
        inspect.signature(function).bind(*call.args, **{one.arg: one for one in call.keywords})
    assert ours or name in ("compare", "load", "run")  # the README has theirs
