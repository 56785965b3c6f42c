"""Few parameters are typed `Any`: a type that says nothing is checked by nobody."""

import ast

from tests.architecture.source import FILES, relative, tree_of

MOST_ANY = 0.06


def parameters(tree):
    """Yield (function, parameter) pairs, without `self` and `cls`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for parameter in node.args.args + node.args.kwonlyargs:
                if parameter.arg not in ("self", "cls"):
                    yield node, parameter


def is_any(parameter):
    """Return True if a parameter is typed `Any` and nothing more."""
    return parameter.annotation is not None and ast.unparse(parameter.annotation) == "Any"


def test_few_parameters_are_typed_any():
    found = [
        (f"{relative(path)}:{function.lineno} {function.name}({parameter.arg})", is_any(parameter))
        for path in FILES
        for function, parameter in parameters(tree_of(path))
    ]
    untyped = [place for place, is_untyped in found if is_untyped]
    share = len(untyped) / len(found)
    assert share <= MOST_ANY, f"{share:.1%} of parameters:\n" + "\n".join(untyped)


def test_any_is_counted_among_all_parameters_but_self():
    tree = ast.parse("class A:\n def f(self, a: Any, *, b: 'list[Any]', c=1): ...")
    assert [is_any(parameter) for _, parameter in parameters(tree)] == [True, False, False]
