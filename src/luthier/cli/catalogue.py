"""Describe the plug-ins of a kind without importing them.

Plug-ins may import torch, which would make a mere list slow. The line that describes a plug-in is
therefore read from its source.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from luthier.registry import EVERYTHING, find, names

METRICS = "metrics"  # not chosen by a plug-in's name, but measured by tasks
BETTER = {True: "higher is better", False: "lower is better", None: "neither way is better"}


def describe(kind: str) -> list[tuple[str, str]]:
    """List the plug-ins of a kind as (name, first line of the class docstring)."""
    return [(name, _first_line(kind, name)) for name in names(kind)]


def describe_metrics() -> list[tuple[str, str]]:
    """List the metrics of all tasks as (name, title, unit, direction and tasks).

    They are those that the tasks measure on their toy rows, and those that their options name.
    """
    from luthier.metrics.names import metric_of

    tasks_of: dict[str, list[str]] = {}
    for name in names("tasks"):
        for metric in _metrics_of(find("tasks", name)):
            tasks_of.setdefault(metric, []).append(name)
    lines = []
    for name, tasks in tasks_of.items():
        declared = metric_of(name)
        unit = declared.unit.symbol or "a number"
        about = f"{declared.title} ({unit}, {BETTER[declared.higher_is_better]})"
        lines.append((name, f"{about}: {', '.join(tasks)}"))
    return lines


def _metrics_of(plugin: Any) -> list[str]:
    """List the metrics of a task, that of the verdict first."""
    task = plugin(plugin.Options())
    rows, _ = task.normalize(plugin.toy_rows())
    codec = task.codec(task.learn_target(rows))
    measure = codec.measure(codec.gold(rows), codec.decode(codec.uninformed_outputs(rows)))
    choice = plugin.Options.model_fields.get("main_metric")
    others = _words_in(choice.annotation) if choice is not None else ()
    return list(dict.fromkeys([task.main_metric, *measure(None), *others]))


def _words_in(annotation: Any) -> Iterator[str]:
    """Walk over the words that an annotation such as `Literal["a", "b"] | None` allows."""
    for part in get_args(annotation):
        yield from [part] if isinstance(part, str) else _words_in(part)


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
