"""Turn a tree of plain values into a `Recipe`, or raise one error that lists all its problems.

The models in `tree.py` check fields, and each plug-in's `Options` class checks its options. Which
plug-ins fit together follows from data (units and kinds), never from a name. Names of optimizers
and schedules are checked by training, before any work is done. Before this: `load.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar, NamedTuple, Protocol

from pydantic import ValidationError

from luthier.errors import RecipeError, nearest
from luthier.recipe.checks_of_rows import (
    Found,
    check_replay,
    check_unlabelled,
    needs_reading_anew,
)
from luthier.recipe.problems import Problem, problems_of
from luthier.recipe.sense import problems_of_fields
from luthier.recipe.tree import Plugin, Recipe
from luthier.registry import find, names

LISTED = ("labels", "choices", "reference")  # kinds of columns whose cells are lists
DEFAULT_ENGINE = Recipe.model_fields["engine"].default


class Learned(Protocol):
    """A task, or its class: what it judges, and the kind of its target."""

    unit: ClassVar[str]
    kind: ClassVar[str]


def check(
    tree: Mapping[str, Any],
    *,
    problems: Sequence[Problem] = (),
    places: Mapping[str, str] | None = None,
) -> Recipe:
    """Check a tree of plain values and turn it into a recipe.

    Args:
        tree: the content of each section, as in YAML
        problems: problems found earlier, to be reported with the others
        places: where each dotted path is written, such as `recipe.yaml:7`

    Raises:
        RecipeError: the recipe has problems; the message lists all of them, one per line
    """
    tree = dict(tree)
    expand_names(tree)
    fill_defaults(tree)
    found = [*problems]
    recipe = None
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        found += problems_of(error, tree, Recipe, prefix="")
    plugin_problems, chosen = _check_plugins(tree)
    found += [*plugin_problems, *_check_fit(tree, chosen)]
    if recipe is not None:
        found += problems_of_fields(recipe)
    if found or recipe is None:
        raise _error(found, places or {})
    return recipe


def _error(problems: Sequence[Problem], places: Mapping[str, str]) -> RecipeError:
    order = {place: index for index, place in enumerate(dict.fromkeys(places.values()))}
    ordered = sorted(problems, key=lambda problem: order.get(problem.place(places), len(order)))
    lines = list(dict.fromkeys(problem.line(places) for problem in ordered))
    if len(lines) == 1:
        return RecipeError(lines[0])
    return RecipeError(f"The recipe has {len(lines)} problems:\n  " + "\n  ".join(lines))


def expand_names(tree: dict[str, Any]) -> None:
    """Replace a plug-in given as a bare word by `{name: word}`, and drop empty sections."""
    for section in Recipe.model_fields:
        if section != "baselines" and section in tree and tree[section] is None:
            del tree[section]
    for section in ("model", "task", "method"):
        if isinstance(tree.get(section), str):
            tree[section] = {"name": tree[section]}
    for section in ("baselines", "regularisers", "augmentation"):
        if isinstance(tree.get(section), (list, tuple)):
            tree[section] = [
                {"name": item} if isinstance(item, str) else item for item in tree[section]
            ]
    data = tree.get("data")
    if isinstance(data, dict):
        for part in ("columns", "split", "limit", "ignore_findings"):
            if part in data and data[part] is None:
                del data[part]


def fill_defaults(tree: dict[str, Any]) -> None:
    """Fill training fields that the recipe omits with the method's own defaults."""
    method, training = tree.get("method"), tree.get("training", {})
    name = method.get("name") if isinstance(method, Mapping) else None
    if name in names("methods") and isinstance(training, Mapping):
        tree["training"] = {**getattr(find("methods", name), "defaults", {}), **training}


class Chosen(NamedTuple):
    """The plug-in classes that a recipe names; None for each that does not exist."""

    task: Found
    method: Found
    baselines: tuple[Found, ...]
    regularisers: tuple[Found, ...]
    augmenters: tuple[Found, ...] = ()


def _check_plugins(
    tree: Mapping[str, Any],
) -> tuple[list[Problem], Chosen]:
    """Find each plug-in that the tree names, and check its options with its own class."""
    problems: list[Problem] = []

    def choose(kind: str, path: str, given: object) -> Found:
        if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
            return None
        try:
            plugin: type[Any] = find(kind, given["name"])
        except RecipeError as error:
            problems.append(Problem(path, _as_clause(error.problem), fix=error.hint))
            return None
        options = given.get("options") or {}
        if isinstance(options, Mapping):
            problems.extend(check_options(plugin, options, path=f"{path}.options"))
        return plugin

    def choose_all(kind: str, section: str) -> tuple[Found, ...]:
        listed = tree.get(section)
        given = listed if isinstance(listed, list) else []
        return tuple(choose(kind, f"{section}.{i}", one) for i, one in enumerate(given))

    return problems, Chosen(
        choose("tasks", "task", tree.get("task")),
        choose("methods", "method", tree.get("method", {"name": "full"})),
        choose_all("baselines", "baselines"),
        choose_all("regularisers", "regularisers"),
        choose_all("augmenters", "augmentation"),
    )


def _as_clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def check_options(plugin: type[Any], options: Mapping[str, Any], *, path: str) -> list[Problem]:
    """Check a plug-in's options with its `Options` class; problems carry the full path."""
    try:
        plugin.Options.model_validate(dict(options))
    except ValidationError as error:
        return list(problems_of(error, options, plugin.Options, prefix=path))
    return []


def make_options(plugin: type[Any], options: Mapping[str, Any]) -> Any:
    """Create a plug-in's options.

    Raises:
        RecipeError: the options are invalid
    """
    problems = check_options(plugin, options, path=f"options of {plugin.name}")
    if problems:
        raise _error(problems, {})
    return plugin.Options(**options)


def make_plugin(kind: str, plugin: Plugin) -> Any:
    """Create a plug-in from its name and options.

    Raises:
        RecipeError: there is no plug-in of that kind and name, or its options are invalid
    """
    found = find(kind, plugin.name)
    return found(make_options(found, plugin.options))


def fits(plugin: type[Any], task: Learned | type[Any]) -> bool:
    """Return True if a method or a baseline can learn a task."""
    return task.unit in plugin.units and task.kind in getattr(plugin, "kinds", (task.kind,))


def runs_on(method: type[Any], engine: str) -> bool:
    """Return True if an engine can train a method."""
    return engine == DEFAULT_ENGINE or engine in getattr(method, "engines", ())


def _check_fit(tree: Mapping[str, Any], chosen: Chosen) -> Iterator[Problem]:
    """Check that method, baselines and columns go with the task."""
    task, method, baselines, regularisers, augmenters = chosen
    yield from _check_regularisers(tree, method, regularisers)
    yield from _check_augmentation(tree, task, method, augmenters)
    yield from check_replay(tree, method)
    if task is None:
        return
    if method is not None and not fits(method, task):
        able = [name for name in names("methods") if fits(find("methods", name), task)]
        yield Problem(
            "method",
            f"'{method.name}' cannot learn {task.name}, whose outputs are per {task.unit} "
            f"({task.kind})",
            fix=f"one of: {', '.join(able)}",
        )
    engine = tree.get("engine", DEFAULT_ENGINE)
    if method is not None and engine in names("engines") and not runs_on(method, engine):
        able = [one for one in names("methods") if runs_on(find("methods", one), engine)]
        yield Problem(
            "method",
            f"'{method.name}' cannot be trained by engine {engine}",
            fix=f"engine={DEFAULT_ENGINE}, or one of: {', '.join(able)}",
        )
    yield from check_unlabelled(tree, method)
    yield from _check_reject(tree, task)
    for index, baseline in enumerate(baselines):
        if baseline is not None and not fits(baseline, task):
            yield Problem(
                f"baselines.{index}",
                f"'{baseline.name}' does not fit {task.name}",
                fix=f"this task's own: [{', '.join(task.baselines)}]",
            )
        needed = getattr(baseline, "needs", None)
        if baseline is not None and needed is not None and not _has(tree, needed):
            yield Problem(
                f"baselines.{index}",
                f"'{baseline.name}' compares with the section {needed}, which is not there",
                fix=f"leave {baseline.name} out",
            )
    data = tree.get("data")
    columns = data.get("columns") if isinstance(data, Mapping) else None
    own = getattr(task, "columns_for", None)  # of a task whose options name its inputs
    known = task.columns if own is None else own(_options(tree, "task"))
    roles = [*(column.role for column in known), *task.alternative_columns]
    listed = [column.role for column in known if column.kind in LISTED]
    for role, given in columns.items() if isinstance(columns, Mapping) else ():
        if role in roles and role not in listed and isinstance(given, (list, tuple)):
            yield Problem(
                f"data.columns.{role}",
                f"is one column, not {len(given)}",
                fix=f"only {' and '.join(listed)} can be several columns" if listed else None,
            )
        if role not in roles:
            close = nearest(str(role), roles)
            yield Problem(
                f"data.columns.{role}",
                f"{task.name} has no column role '{role}' (its roles: {', '.join(roles)})",
                fix=f"did you mean data.columns.{close}?" if close else None,
            )


def _check_reject(tree: Mapping[str, Any], task: type[Any]) -> Iterator[Problem]:
    """Check that texts which fit no label are asked for where there are labels."""
    if _has(tree, "evaluation.reject") and (task.unit, task.kind) != ("sequence", "single-label"):
        yield Problem(
            "evaluation.reject",
            f"is for tasks with one label for each text, and {task.name} is none",
            fix="evaluation.reject=null",
        )


def _has(tree: Any, path: str) -> bool:
    """Return whether a section or field of a dotted path is there, and not empty."""
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, Mapping) else None
    return bool(tree)


def _options(tree: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Return the options of a plug-in; none where they are of another shape, which is told."""
    given = tree.get(section)
    options = given.get("options") if isinstance(given, Mapping) else None
    return options if isinstance(options, Mapping) else {}


def _check_augmentation(
    tree: Mapping[str, Any], task: Found, method: Found, augmenters: tuple[Found, ...]
) -> Iterator[Problem]:
    """Find texts that cannot be changed, or are not read anew in every epoch."""
    if not augmenters:
        return
    for one in filter(None, augmenters):
        if task is not None and not fits(one, task):
            yield Problem(
                "augmentation",
                f"'{one.name}' would make the answers of {task.name} untrue ({task.kind})",
                fix="augmentation=[]",
            )
    yield from needs_reading_anew(method, "augmentation", "[]")
    if tree.get("engine", DEFAULT_ENGINE) != DEFAULT_ENGINE:
        yield Problem(
            "augmentation",
            f"is made by PyTorch's loader, which engine {tree['engine']} has not",
            fix=f"engine={DEFAULT_ENGINE} or augmentation=[]",
        )


def _check_regularisers(
    tree: Mapping[str, Any], method: Found, regularisers: tuple[Found, ...]
) -> Iterator[Problem]:
    """Find regularisers where nothing is trained step by step, or not by PyTorch."""
    if not regularisers:
        return
    if not getattr(method, "by_gradient", True):
        yield Problem(
            "regularisers",
            f"'{getattr(method, 'name', '')}' takes no training steps",
            fix="regularisers=[]",
        )
    for one, other in combinations(filter(None, regularisers), 2):
        name, beside = one.name, other.name
        if beside in one.excludes or name in other.excludes:
            yield Problem(
                "regularisers",
                f"'{name}' and '{beside}' exclude each other",
                fix=f"regularisers=[{name}] or regularisers=[{beside}]",
            )
    if tree.get("engine", DEFAULT_ENGINE) != DEFAULT_ENGINE:
        yield Problem(
            "regularisers",
            f"are hooks in PyTorch, and engine {tree['engine']} has none",
            fix=f"engine={DEFAULT_ENGINE} or regularisers=[]",
        )
