"""Files and functions stay short enough to be read at once, and names say what they hold."""

import ast
import re
import statistics

from tests.architecture.source import FILES, PACKAGE, relative, tree_of

FILE_CEILING, FILE_MEDIAN = 400, 150
FUNCTION_CEILING, FUNCTION_AIM = 60, 25
NOT_A_NAME = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "manager"}


def functions():
    """Walk over (file, function) pairs."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def body_lines(path, function):
    """Count the lines of a function's body, without signature, docstring and blank lines."""
    body = function.body
    has_docstring = ast.get_docstring(function, clean=False) is not None
    if has_docstring and len(body) == 1:
        return 0
    first = body[1] if has_docstring else body[0]
    lines = path.read_text("utf-8").splitlines()[first.lineno - 1 : function.end_lineno]
    return sum(1 for line in lines if line.strip())


def test_no_file_is_too_long():
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > FILE_CEILING} == {}
    assert statistics.median(lengths.values()) < FILE_MEDIAN


def test_no_function_is_too_long():
    lengths = {
        f"{relative(path)}:{node.name}": body_lines(path, node) for path, node in functions()
    }
    assert {name: n for name, n in lengths.items() if n > FUNCTION_CEILING} == {}
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= FUNCTION_AIM


def test_a_body_is_counted_without_its_docstring(tmp_path):
    path = tmp_path / "short.py"
    path.write_text('def f(\n  a,\n):\n  """Say.\n\n  More.\n  """\n  b = a\n\n  return b')
    (node,) = ast.parse(path.read_text()).body
    assert body_lines(path, node) == 2


def test_module_names_say_what_they_hold():
    names = {part for path in FILES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    assert names & NOT_A_NAME == set()


def test_class_names_are_nouns_of_their_own():
    names = {
        node.name
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    }
    assert [name for name in names if re.match("Base[A-Z]|.*(Mixin|Manager)$", name)] == []


def test_every_module_and_public_function_has_a_docstring():
    missing = [
        relative(path)
        for path in FILES
        if tree_of(path).body and ast.get_docstring(tree_of(path)) is None
    ]
    missing += [
        f"{relative(path)}:{node.name}"
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert missing == []


def test_the_newcomers_route_is_short():
    route = (
        "pipeline.py",
        "records.py",
        "protocols.py",
        "training/loop.py",
        "tasks/text_classification.py",
        "methods/lora.py",
        "evaluation/judge.py",
    )
    map_of_the_code = (PACKAGE.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    assert [file for file in route if f"{file}`" not in map_of_the_code] == []
    lines = {file: len((PACKAGE / file).read_text("utf-8").splitlines()) for file in route}
    assert sum(lines.values()) < 900, lines
