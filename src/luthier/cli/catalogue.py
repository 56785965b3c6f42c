"""Describe the plug-ins of a kind without importing them.

Plug-ins may import torch, which would make a mere list slow. The line that describes a plug-in is
therefore read from its source.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from luthier.registry import EVERYTHING, find, names


def describe(kind: str) -> list[tuple[str, str]]:
    """List the plug-ins of a kind as (name, first line of the class docstring)."""
    return [(name, _first_line(kind, name)) for name in names(kind)]


def _first_line(kind: str, name: str) -> str:
    path = EVERYTHING[kind].get(name)
    text = _docstring(path) if path else find(kind, name).__doc__
    return (text or "").strip().split("\n")[0]


def _docstring(path: str) -> str | None:
    module, _, class_name = path.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            return ast.get_docstring(node)
    return None
