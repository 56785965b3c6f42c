"""From a recipe or a data file to what the data doctor finds in it, without any training.

What `luthier inspect` shows. The doctor itself is `data/doctor/`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.arguments import Overrides, checked
from luthier.first_recipe import first_recipe
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Splits
from luthier.results import Finding

if TYPE_CHECKING:
    from luthier.weak_labels.label_rows import WeakLabels


@dataclass(frozen=True)
class Inspection:
    """What there is to know of the data before a training.

    Args:
        splits: The training, validation and test rows, and how each split was made.
        findings: What the data doctor found, with places and fixes.
        notes: What was detected or decided on the way, in words.
        weak: What labelling functions did; None where the recipe has none.
    """

    splits: Splits
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    weak: WeakLabels | None = None

    @property
    def has_errors(self) -> bool:
        """Whether there are findings that a training would be refused for."""
        return any(finding.severity == "error" for finding in self.findings)


@checked
def inspect(
    source: Recipe | Mapping[str, Any] | str | Path, overrides: Overrides = ()
) -> Inspection:
    """Read, split and check the rows of a recipe, or of a data file; nothing is trained.

    Args:
        source: A recipe, the same as a mapping, the path of a YAML file, or the path of a data
            file, whose task and columns are guessed as `luthier init` guesses them. A mapping may
            hold rows in memory: `{"data": {"train": frame}, …}`.
        overrides: `section.field=value`, applied to the recipe.

    Returns:
        The splits, the doctor's findings, and notes on what was detected.

    Raises:
        RecipeError: The recipe cannot be read, or has problems.
        DataError: A file or an answer cannot be understood.

    Example:
        found = luthier.inspect("reviews.csv")
        print(len(found.splits.train), [finding.message for finding in found.findings])
    """
    guesses: list[str] = []
    content: Any = source
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() not in (".yaml", ".yml"):
        content, guesses = recipe_for(source, overrides)
    content, rows = rows_apart(content)
    recipe = read_recipe(content, overrides)
    found = inspect_recipe(recipe, rows)
    return replace(found, notes=(*guesses, *found.notes))


def recipe_for(file: str | Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], list[str]]:
    """Make the recipe that `luthier init` would write for a data file; and say what was guessed."""
    made = first_recipe(str(file), overrides)
    return dict(made.tree), [*made.notes, *made.reasons, *made.unsure]


def inspect_recipe(recipe: Recipe, given: Mapping[str, Any] | None = None) -> Inspection:
    """Read, split and check the rows of a recipe, with their gold answers.

    Raises:
        DataError: A file or an answer cannot be understood.
    """
    from luthier.load_splits import check_data  # slow to import; a wrong recipe is refused first

    task: Task = make_plugin("tasks", recipe.task)
    checked = check_data(recipe, task, given)
    if not any(finding.severity == "error" for finding in checked.findings):
        codec = task.codec(checked.learn_target(task))
        for _, rows in checked.splits.items():
            codec.gold(rows)
    notes = (*checked.notes, *notes_of(recipe, task, given))
    return Inspection(checked.splits, tuple(checked.findings), notes, checked.weak)


def notes_of(recipe: Recipe, task: Task, given: Mapping[str, Any] | None) -> Sequence[str]:
    """Say which texts and words an adaptation would learn; nothing where none is asked for."""
    if recipe.adaptation is None:
        return ()
    from luthier.domains.adapt import what_is_asked

    asked = what_is_asked(recipe, task, given, lambda info: None)
    return (f"the adaptation would learn {len(asked.rows):,} texts", *asked.notes)
