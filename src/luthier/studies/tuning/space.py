"""The settings that a search may change, and the values that each may take.

A space is a mapping from the path of a recipe's field to an interval or a list of values:

    training.learning_rate: {low: 1e-5, high: 1e-3, log: true}
    method.options.rank: [4, 8, 16]

Without a file, it lies around the recipe's own values, with what the method declares in its class
attribute `search_space`. Next: `journal.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from luthier.errors import RecipeError
from luthier.recipe.checks import check
from luthier.recipe.problems import Problem, problems_of
from luthier.recipe.section import Section
from luthier.recipe.tree import Recipe
from luthier.recipe.yaml_text import parse_yaml
from luthier.registry import find

if TYPE_CHECKING:
    from optuna import Trial

HOW = "such as {low: 1e-5, high: 1e-3, log: true}, or [4, 8, 16]"
WHOLE = {  # sections that decide which rows trials are scored on, or how
    "task": "all trials learn one task",
    "data": "all trials are scored on the same rows",
    "evaluation": "all trials are scored alike",
    "baselines": "trials judge none",
    "engine": "all trials are computed alike",
}
FIXED = {  # fields that do so, or that another study is for
    "training": "it is a section; name a field of it",
    "training.seed": "luthier seeds shows how far a score is luck",
    "training.metric_for_best_model": "all trials are scored by one metric",
    "training.eval_strategy": "trials are scored on validation rows as the recipe says",
    "training.load_best_model_at_end": "all trials keep their weights alike",
    "method": "luthier ladder compares methods",
    "method.name": "luthier ladder compares methods",
    "model": "luthier seeds RECIPE --against OTHER compares models",
    "model.name": "luthier seeds RECIPE --against OTHER compares models",
}
READ_ALIKE = ("data.max_tokens", "data.long_texts", "data.stride")  # rows stay what they are


class Interval(Section):
    """Values between two ends."""

    low: float = Field(allow_inf_nan=False, description="Lowest value.")
    high: float = Field(allow_inf_nan=False, description="Highest value.")
    log: bool = Field(False, description="Draw the logarithm, for values of different magnitude.")
    step: float | None = Field(None, gt=0, description="Distance between values; null: any.")


@dataclass(frozen=True)
class Setting:
    """One field and its values.

    Args:
        path: Of the field, such as `training.learning_rate`.
        values: An interval, or a list.
        is_whole: Whether values of the interval are whole numbers.
    """

    path: str
    values: Interval | tuple[Any, ...]
    is_whole: bool = False

    def suggest(self, trial: Trial) -> Any:
        """Let a trial choose a value; lists are told apart by their JSON."""
        if not isinstance(self.values, Interval):
            return json.loads(trial.suggest_categorical(self.path, [*map(encoded, self.values)]))
        low, high, log, step = (getattr(self.values, one) for one in ("low", "high", "log", "step"))
        if self.is_whole:
            step = 1 if step is None else int(step)
            return trial.suggest_int(self.path, int(low), int(high), log=log, step=step)
        return trial.suggest_float(self.path, low, high, log=log, step=step)

    def has(self, value: Any) -> bool:
        """Return whether a value is one of those that can be chosen."""
        if not isinstance(self.values, Interval):
            return encoded(value) in map(encoded, self.values)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.values.low <= value <= self.values.high

    def in_journal(self, value: Any) -> Any:
        """Give a value as the journal has it."""
        return value if isinstance(self.values, Interval) else encoded(value)

    def from_journal(self, value: Any) -> Any:
        """Give a value as the recipe has it."""
        return value if isinstance(self.values, Interval) else json.loads(value)

    @property
    def plain(self) -> Any:
        """The values as `space.yaml` has them."""
        if isinstance(self.values, Interval):
            return self.values.model_dump(exclude_defaults=True)
        return [*self.values]


Space = Sequence[Setting]


def encoded(value: Any) -> str:
    """Write a value of a list as JSON, whole numbers as such."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)


def read_space(source: str | Path | Mapping[str, Any] | None, recipe: Recipe) -> Space:
    """Read a space, and try the ends and the values of each setting in the recipe.

    Args:
        source: A YAML file, the same as a mapping, or None: that around the recipe's own values.
        recipe: What is searched around.

    Raises:
        RecipeError: It cannot be read, or has problems; all are reported at once.
    """
    places: Mapping[str, str] = {}
    if source is None:
        tree: Mapping[str, Any] = default_space(recipe)
    elif isinstance(source, Mapping):
        tree = source
    else:
        tree, places = _read_file(Path(source))
    settings: list[Setting] = []
    problems: list[Problem] = []
    for path, given in tree.items():
        try:
            made = read_setting(str(path), given, recipe)
        except ValidationError as error:
            problems += problems_of(error, given, Interval, prefix=str(path))
        else:
            settings += [made] if isinstance(made, Setting) else []
            problems += [made] if isinstance(made, Problem) else []
    if problems:
        lines = [one.line(places) for one in problems]
        count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise RecipeError(f"The search space has {count}:\n  " + "\n  ".join(lines))
    if not settings:
        raise RecipeError(
            f"There is nothing to search: {recipe.method.name} declares no settings of its own.",
            received="an empty space",
            hint="--space FILE, with lines such as method.options.k: [1, 5, 25]",
        )
    return settings


def _read_file(path: Path) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    try:
        if not path.is_file():
            raise FileNotFoundError(0, "there is no such file")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not encoded in UTF-8"
        raise RecipeError(
            "The search space cannot be read.", received=f"{path}: {reason}", hint="--space FILE"
        ) from None
    content, places = parse_yaml(text, name=path.name)
    if not isinstance(content, dict):
        raise RecipeError(
            "A search space is a mapping from fields of the recipe to values.",
            received=f"{path}: {type(content).__name__}",
            hint="lines such as training.learning_rate: {low: 1e-5, high: 1e-3, log: true}",
        )
    return content, places


def read_setting(path: str, given: Any, recipe: Recipe) -> Setting | Problem:
    """Read one line of a space; what is wrong with it comes back as a problem.

    Raises:
        ValidationError: The interval has other fields.
    """
    reason = FIXED.get(path) or WHOLE.get(path.partition(".")[0])
    if reason is not None and path not in READ_ALIKE:
        return Problem(path, "cannot be searched", reason)
    if isinstance(given, Mapping):
        return _read_interval(path, given, recipe)
    if not isinstance(given, (list, tuple)):
        return Problem(path, f"needs an interval or a list, and has {given!r}", HOW)
    values = tuple(given)
    if len({encoded(one) for one in values}) < max(2, len(values)):
        return Problem(path, f"needs two different values at least, and has {list(values)}", HOW)
    wrong = next(filter(None, (refused(recipe, path, one) for one in values)), None)
    return wrong or Setting(path, values)


def _read_interval(path: str, given: Mapping[str, Any], recipe: Recipe) -> Setting | Problem:
    values = Interval.model_validate(dict(given))
    low, high = values.low, values.high
    if not low < high:
        return Problem(path, f"needs low below high, and has {low:g} and {high:g}", HOW)
    if values.log and low <= 0:
        return Problem(path, f"has no logarithm at low = {low:g}", "low above 0, or log: false")
    if values.log and values.step is not None:
        return Problem(path, "has steps or a logarithm, not both", "leave one of them out")
    ends = all(float(end).is_integer() for end in (low, high))
    between = low + (high - low) * 0.3819660112501051
    is_whole = ends and refused(recipe, path, between) is not None
    for end in (low, high):
        problem = refused(recipe, path, int(end) if is_whole else end)
        if problem is not None:
            return problem
    if is_whole and values.step is not None and not values.step.is_integer():
        return Problem(path, "takes whole numbers", "step: 1")
    return Setting(path, values, is_whole)


def refused(recipe: Recipe, path: str, value: Any) -> Problem | None:
    """Say why a recipe does not take a value; None where it does."""
    try:
        with_values(recipe, {path: value})
    except RecipeError as error:
        said = error.problem.removeprefix(f"{path}: ").splitlines()
        return Problem(path, f"does not take {encoded(value)}: {said[-1].strip()}")
    return None


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Set fields of a recipe.

    Raises:
        RecipeError: The recipe does not take them.
    """
    tree = recipe.model_dump(mode="json")
    for path, value in values.items():
        *sections, field = path.split(".")
        here: Any = tree
        for section in sections:
            here = _inside(here, section, path)
        if isinstance(here, list):
            here[_index(here, field, path)] = value
        else:
            here[field] = value
    return check(tree)


def _inside(here: Any, section: str, path: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, section, path)]
    if here.get(section) is None:
        here[section] = {}
    if not isinstance(here[section], (dict, list)):
        raise RecipeError(f"{path}: {section} holds a value and is not a section")
    return here[section]


def _index(here: Sequence[Any], part: str, path: str) -> int:
    if not part.isdecimal() or int(part) >= len(here):
        raise RecipeError(f"{path}: the recipe has {len(here)} there, counted from 0")
    return int(part)


def value_at(recipe: Recipe, path: str) -> Any:
    """Return what a recipe has in a field; an option that it leaves out has its default."""
    options = find("methods", recipe.method.name).Options(**recipe.method.options)
    here: Any = recipe.model_dump(mode="json")
    here["method"]["options"] = options.model_dump(mode="json")
    for part in path.split("."):
        if isinstance(here, list):
            here = here[int(part)] if part.isdecimal() and int(part) < len(here) else None
        else:
            here = here.get(part) if isinstance(here, dict) else None
    return here


def default_space(recipe: Recipe) -> dict[str, Any]:
    """Lay a space around a recipe, with what its method declares.

    An option of the method that is called as a field of the training section stands in for it.
    """
    method = find("methods", recipe.method.name)
    own: Mapping[str, Any] = getattr(method, "search_space", {})
    replaced = {path.rpartition(".")[2] for path in own}
    around = of_training(recipe) if getattr(method, "by_gradient", True) else ()
    shared = {f"training.{name}": one for name, one in around if name not in replaced}
    return {**shared, **own}


def of_training(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Give fields of the training section with values around those of the recipe."""
    training = recipe.training
    rate, epochs, size = (
        training.learning_rate,
        training.num_train_epochs,
        training.per_device_train_batch_size,
    )
    yield "learning_rate", {"low": rate / 10, "high": rate * 10, "log": True}
    if training.max_steps <= 0:
        yield "num_train_epochs", sorted({max(1.0, round(epochs / 2)), epochs, 2 * epochs})
    if training.tokens_per_batch is None:
        yield "per_device_train_batch_size", sorted({max(1, size // 2), size, 2 * size})
    if training.warmup_steps < 1:
        yield "warmup_steps", {"low": 0.0, "high": max(0.3, training.warmup_steps)}
    yield "weight_decay", sorted({0.0, 0.01, 0.1, training.weight_decay})
