"""What docs and docstrings name in code marks exists: files, functions and dotted names."""

import ast
import builtins
import importlib
import re
from functools import cache
from importlib.util import find_spec

import pytest

from tests.architecture.source import FILES, PACKAGE, ROOT, relative, tree_of
from tests.docs.blocks import PAGES

CODE = re.compile(r"(?<!`)``?([^`\n]+)``?(?!`)")
FILE = re.compile(r"[\w/]+\.py")
CALL = re.compile(r"([A-Za-z_][\w.]*)\(\)")
DOTTED = re.compile(r"[a-z_]\w*(?:\.[A-Za-z_]\w*)+")
EXAMPLE = "baselines/coin_flip.py"  # of a plug-in that somebody might add
SUFFIXES = (".json", ".jsonl", ".yaml", ".html", ".txt", ".pb", ".safetensors", ".parquet", ".csv")
SECTIONS = {"model", "task", "data", "method", "training", "baselines", "evaluation"}  # of a recipe
UNITS = {part for path in FILES for part in path.relative_to(PACKAGE).with_suffix("").parts} - (
    SECTIONS
)


def texts_of_source():
    """Yield the docstrings and comments of each file, with its path."""
    for path in FILES:
        yield (
            relative(path),
            "\n".join(
                [
                    ast.get_docstring(node, clean=False) or ""
                    for node in ast.walk(tree_of(path))
                    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                ]
                + re.findall("#.*", path.read_text(encoding="utf-8"))
            ),
        )


@cache
def texts():
    """Collect the texts by the files that they stand in."""
    return {
        **{page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES},
        **dict(texts_of_source()),
    }


NAMES = [*(page.relative_to(ROOT).as_posix() for page in PAGES), *map(relative, FILES)]


@cache
def defined_in(unit=None):
    """Collect the names that a module or a folder of modules defines; without one, all of them."""
    names = set()
    for path in FILES:
        if unit is not None and unit not in path.relative_to(PACKAGE).with_suffix("").parts:
            continue
        names.add(path.stem)
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.alias):
                names.add((node.asname or node.name).split(".")[0])
    return names


def is_there(mention, at):
    """Return True if a mention names something that exists, or is none that can be checked."""
    if FILE.fullmatch(mention):
        near = (PACKAGE / at).parent if at.endswith(".py") else (ROOT / at).parent
        return any((base / mention).exists() for base in (near, PACKAGE, ROOT))
    call = CALL.fullmatch(mention)
    first, dot, rest = (call[1] if call else mention).removeprefix("luthier.").partition(".")
    if call and not dot:
        return first in defined_in() | set(dir(builtins))
    is_ours = rest and first in UNITS and not mention.endswith(SUFFIXES)
    if is_ours and (call or DOTTED.fullmatch(mention)):
        return set(rest.split(".")) <= defined_in(first) or is_foreign(call[1] if call else mention)
    return True


@cache
def is_foreign(name):
    """Return True if a dotted name is one of an installed library."""
    module, _, attribute = name.rpartition(".")
    if not module or module.split(".")[0] == "luthier" or find_spec(module.split(".")[0]) is None:
        return False
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ImportError:
        return is_foreign(module)


@pytest.mark.parametrize("at", NAMES)
def test_what_is_named_in_code_marks_exists(at):
    mentions = {mention.strip() for mention in CODE.findall(texts()[at])}
    assert [m for m in sorted(mentions) if not is_there(m, at) and not m.endswith(EXAMPLE)] == []


@pytest.mark.parametrize(
    "mention",
    [
        "loop.py.py",
        "no_such_file.py",
        "no_such_function()",
        "pipeline.no_such_name",
        "runs.nothing",
    ],
)
def test_a_mention_of_what_is_not_there_is_seen(mention):
    assert not is_there(mention, "docs/architecture.md")


@pytest.mark.parametrize(
    "mention",
    ["load.py", "recipe/load.py", "find()", "runs.RunFolder", "json.loads()", "training.seed"],
)
def test_a_mention_of_what_is_there_passes(mention):
    assert is_there(mention, "recipe/checks.py")
