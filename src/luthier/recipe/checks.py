"""From a tree of plain values to a `Recipe`, or to one error that names all its problems at once.

Fields are checked by the tree in `tree.py`, the options of each plug-in by that plug-in's own
`Options`; what fits together is data (units and kinds), never a branch on a name.
Before this: `load.py`. Names of optimizers and schedules belong to the training block, which
checks them before any work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from luthier.errors import RecipeError, nearest
from luthier.recipe.problems import Problem, problems_of
from luthier.recipe.tree import Recipe
from luthier.registry import find, names

DEFAULT_ENGINE = Recipe.model_fields["engine"].default


class Chosen(NamedTuple):
    """The plug-ins a recipe names, as far as they are known."""

    task: Any
    method: Any
    baselines: tuple[Any, ...]
    regularisers: tuple[Any, ...] = ()


def check(
    tree: Mapping[str, Any],
    *,
    problems: Sequence[Problem] = (),
    places: Mapping[str, str] | None = None,
) -> Recipe:
    """Check a tree of plain values and make it a recipe.

    Args:
        tree: Section to content, as YAML has it.
        problems: Those found earlier, to be shown with the others.
        places: Dotted path to where it was written, such as `recipe.yaml:7`.

    Raises:
        RecipeError: There are problems; all of them are in the message, one a line.
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
    chosen = Chosen(None, None, ())
    plugin_problems, chosen = _check_plugins(tree)
    found += plugin_problems
    found += _check_fit(tree, chosen)
    if recipe is not None:
        found += _check_sense(recipe)
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
    """Write each plug-in named by a bare word as `{name: word}`, and drop empty sections."""
    for section in Recipe.model_fields:
        if section != "baselines" and section in tree and tree[section] is None:
            del tree[section]
    for section in ("model", "task", "method"):
        if isinstance(tree.get(section), str):
            tree[section] = {"name": tree[section]}
    for section in ("baselines", "regularisers"):
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
    """Write down what the method trains with, where the recipe says nothing of it."""
    method, training = tree.get("method"), tree.get("training", {})
    name = method.get("name") if isinstance(method, Mapping) else None
    if name in names("methods") and isinstance(training, Mapping):
        tree["training"] = {**getattr(find("methods", name), "defaults", {}), **training}


def _check_plugins(tree: Mapping[str, Any]) -> tuple[list[Problem], Chosen]:
    """Find each plug-in that the tree names and check its options with its own class."""
    problems: list[Problem] = []

    def choose(kind: str, path: str, given: Any) -> Any:
        name = given.get("name") if isinstance(given, Mapping) else None
        if not isinstance(name, str):
            return None
        try:
            plugin = find(kind, name)
        except RecipeError as error:
            problems.append(Problem(path, _as_clause(error.problem), fix=error.hint))
            return None
        options = given.get("options") or {}
        if isinstance(options, Mapping):
            problems.extend(check_options(plugin, options, path=f"{path}.options"))
        return plugin

    def choose_all(kind: str) -> tuple[Any, ...]:
        listed = tree.get(kind)
        given = listed if isinstance(listed, list) else []
        return tuple(choose(kind, f"{kind}.{i}", one) for i, one in enumerate(given))

    return problems, Chosen(
        choose("tasks", "task", tree.get("task")),
        choose("methods", "method", tree.get("method", {"name": "full"})),
        choose_all("baselines"),
        choose_all("regularisers"),
    )


def _as_clause(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def check_options(plugin: Any, options: Mapping[str, Any], *, path: str) -> list[Problem]:
    """Check a plug-in's options with its own `Options`, telling of full paths."""
    try:
        plugin.Options.model_validate(dict(options))
    except ValidationError as error:
        return list(problems_of(error, options, plugin.Options, prefix=path))
    return []


def make_options(plugin: Any, options: Mapping[str, Any]) -> Any:
    """Make a plug-in's options.

    Raises:
        RecipeError: It has no such options.
    """
    problems = check_options(plugin, options, path=f"options of {plugin.name}")
    if problems:
        raise _error(problems, {})
    return plugin.Options(**options)


def make_plugin(kind: str, plugin: Any) -> Any:
    """Make a plug-in with its options, from `{name, options}`.

    Raises:
        RecipeError: There is none of that name, or it has no such options.
    """
    found = find(kind, plugin.name)
    return found(make_options(found, plugin.options))


def fits(plugin: Any, task: Any) -> bool:
    """Say whether a method or a baseline goes with a task."""
    return task.unit in plugin.units and task.kind in getattr(plugin, "kinds", (task.kind,))


def runs_on(method: Any, engine: str) -> bool:
    """Say whether a method can be trained by an engine."""
    return engine == DEFAULT_ENGINE or engine in getattr(method, "engines", ())


def _check_fit(tree: Mapping[str, Any], chosen: Chosen) -> Iterator[Problem]:
    """Check that method, baselines and columns go with the task."""
    task, method, baselines, regularisers = chosen
    yield from _check_regularisers(tree, method, regularisers)
    if task is None:
        return
    if method is not None and not fits(method, task):
        able = [name for name in names("methods") if fits(find("methods", name), task)]
        yield Problem(
            "method",
            f"'{method.name}' cannot learn {task.name}, which judges each {task.unit} "
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
    for index, baseline in enumerate(baselines):
        if baseline is None:
            continue
        if not fits(baseline, task):
            yield Problem(
                f"baselines.{index}",
                f"'{baseline.name}' does not fit {task.name}",
                fix=f"usual for this task: [{', '.join(task.baselines)}]",
            )
    data = tree.get("data")
    columns = data.get("columns") if isinstance(data, Mapping) else None
    roles = [*(column.role for column in task.columns), *task.alternative_columns]
    for role in columns if isinstance(columns, Mapping) else ():
        if role not in roles:
            close = nearest(str(role), roles)
            yield Problem(
                f"data.columns.{role}",
                f"{task.name} has no column role '{role}' (its roles: {', '.join(roles)})",
                fix=f"did you mean data.columns.{close}?" if close else None,
            )


def _check_regularisers(
    tree: Mapping[str, Any], method: Any, regularisers: tuple[Any, ...]
) -> Iterator[Problem]:
    """Find regularisers where nothing is trained step by step, or not by PyTorch."""
    if not regularisers:
        return
    if not getattr(method, "by_gradient", True):
        yield Problem(
            "regularisers", f"'{method.name}' takes no training steps", fix="regularisers=[]"
        )
    if tree.get("engine", DEFAULT_ENGINE) != DEFAULT_ENGINE:
        yield Problem(
            "regularisers",
            f"are hooks in PyTorch, and engine {tree['engine']} has none",
            fix=f"engine={DEFAULT_ENGINE} or regularisers=[]",
        )


def _check_sense(recipe: Recipe) -> Iterator[Problem]:
    """Find fields that are each fine and together are not."""
    data, training, split = recipe.data, recipe.training, recipe.data.split
    for name in ("validation", "test"):
        size = getattr(split, name)
        if getattr(data, name) is None and (size < 0 or (size >= 1 and size != int(size))):
            yield Problem(
                f"data.split.{name}", f"should be a share below 1 or a number of rows, not {size}"
            )
    made = [getattr(split, name) for name in ("validation", "test") if getattr(data, name) is None]
    if sum(size for size in made if 0 < size < 1) >= 1:
        yield Problem("data.split", "leaves no rows to train on", fix="data.split.test=0.2")
    if data.test is None and split.test == 0 and split.n_folds is None:
        yield Problem(
            "data.split.test", "without test rows nothing can be judged", fix="data.split.test=0.2"
        )
    if split.n_folds is not None and split.fold >= split.n_folds:
        yield Problem(
            "data.split.fold", f"should be below n_folds, {split.n_folds}, not {split.fold}"
        )
    for name, rows in data.limit.items():
        if rows < 1:
            yield Problem(f"data.limit.{name}", f"should be 1 or more, not {rows}")
    if training.eval_strategy == "steps" and training.eval_steps is None:
        yield Problem(
            "training.eval_steps",
            "is needed by eval_strategy: steps",
            fix="training.eval_steps=100",
        )
    if training.early_stopping_patience is not None and training.eval_strategy == "no":
        yield Problem(
            "training.early_stopping_patience",
            "cannot work when nothing is evaluated",
            fix="training.eval_strategy=epoch",
        )
    if training.bf16 is True and training.fp16:
        yield Problem(
            "training.fp16", "only one of bf16 and fp16 can be on", fix="training.fp16=false"
        )
