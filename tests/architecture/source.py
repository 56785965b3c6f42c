"""Luthier's source as the architecture tests read it: files, imports and calls, by `ast`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "luthier"
FILES = sorted(PACKAGE.rglob("*.py"))


class Import(NamedTuple):
    """One imported module: who asks for it, and whether for its types alone."""

    path: Path
    line: int
    module: str
    is_for_types: bool

    def __str__(self) -> str:
        return f"{relative(self.path)}:{self.line} imports {self.module}"


def relative(path: Path) -> str:
    """Write a path as seen from the package."""
    return path.relative_to(PACKAGE).as_posix()


def unit_of(path: Path) -> str:
    """Name the unit of a file: its folder in the package, or its own name."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@cache
def tree_of(path: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports() -> tuple[Import, ...]:
    """List the imports of all files, those inside functions included."""
    return tuple(found for path in FILES for found in imports_of(path, tree_of(path)))


def imports_of(path: Path, tree: ast.AST) -> Iterator[Import]:
    """Walk over the imports of a tree; `from luthier import name` counts as `luthier.name`."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                modules = [f"luthier.RELATIVE.{node.module}"]
            elif node.module == "luthier":
                modules = [f"luthier.{alias.name}" for alias in node.names]
            else:
                modules = [node.module or ""]
        else:
            continue
        for module in modules:
            yield Import(path, node.lineno, module, id(node) in for_types)


def loaded_by(*statements: str) -> list[set[str]]:
    """Say which modules a fresh interpreter has loaded after each of several statements."""
    tell = "print('loaded:', *sys.modules)"
    program = "\n".join(["import sys", *(f"{one}\n{tell}" for one in statements)])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return [{*line.split()} for line in done.stdout.splitlines() if line.startswith("loaded:")]
