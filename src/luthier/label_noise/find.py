"""`luthier inspect RECIPE --labels`: the rows whose labels are probably wrong, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from luthier.arguments import Overrides, checked
from luthier.data.join_rows import joined
from luthier.data.write_rows import refuse_unwritable, write_rows
from luthier.errors import RecipeError
from luthier.inspect_data import recipe_for
from luthier.label_noise.judge import JUDGES, Judged
from luthier.label_noise.out_of_fold import out_of_fold, refuse_rare
from luthier.load_splits import read_sources
from luthier.metrics.intervals import exact_interval
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Rows
from luthier.results import Score
from luthier.training.listeners import Listener

UNTOUCHED = (
    "That is an upper bound: where the truth was known, it was 4 to 18 points too high. Hard and "
    "ambiguous rows are listed, too: of the untouched rows of two data sets, 11 and 2 %. Read them "
    "before you change any."
)


@dataclass(frozen=True)
class Suspect:
    """A row whose label is probably wrong.

    Args:
        row: Its place, as `file:line`.
        text: What was judged.
        given: Its label.
        suggested: The likeliest label.
        quality: From 0, probably wrong, to 1.
        label: Its label as the column has it, for a person to correct.
        answer: The suggestion in that form.
    """

    row: str
    text: str
    given: str
    suggested: str
    quality: float
    label: Any
    answer: Any


@dataclass(frozen=True)
class Suspects:
    """The rows whose labels are probably wrong, the worst first.

    Args:
        suspects: The rows.
        share: Estimated share of wrong labels, with the interval of a share of so many.
        unit: What these are: rows, labels of rows, or words.
        n_rows: Number of rows.
        n_folds: Number of models that judged them.
        role: The column of the labels.
        notes: What was detected while reading, in words.
    """

    suspects: tuple[Suspect, ...]
    share: Score
    unit: str
    n_rows: int
    n_folds: int
    role: str
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The estimate as sentences."""
        share = self.share
        return (
            f"At most about {share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of {share.n:,} "
            f"{self.unit} have a wrong label; {len(self.suspects):,} of {self.n_rows:,} rows "
            f"({len(self.suspects) / max(1, self.n_rows):.0%}) are listed. "
            f"{UNTOUCHED}"
        )

    def columns(self) -> dict[str, Sequence[Any]]:
        """Lay the rows out as the columns of `suspects.csv`."""
        found = self.suspects
        columns: dict[str, Sequence[Any]] = {
            "row": [one.row for one in found],
            "text": [one.text for one in found],
            "given": [one.given for one in found],
            "suggested": [one.suggested for one in found],
            "quality": [round(one.quality, 4) for one in found],
            self.role: [one.label for one in found],
        }
        if self.unit == "words":
            columns[f"suggested_{self.role}"] = [one.answer for one in found]
        return columns


@checked
def suspects(
    source: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    out: str | Path | None = None,
    by: str = "frozen",
    n_folds: Annotated[int, Field(ge=2)] = 5,
    listener: Listener | None = None,
) -> Suspects:
    """Find rows whose labels are probably wrong, by models that did not learn from them.

    Args:
        source: A recipe, the same as a mapping, the path of a YAML file, or that of a data file.
        overrides: `section.field=value`, applied to the recipe.
        out: A file for the rows found, .csv or .jsonl, from which `data.labels_from` takes
            corrections; None writes none.
        by: `frozen`, a head on the pre-trained model (seconds or minutes), or `recipe`, a training
            by the recipe's own method for each fold.
        n_folds: Number of folds, 2 or more; equal texts are in one.
        listener: Is told every step; None: nobody is.

    Returns:
        The rows, the worst first, and the estimated share of wrong labels.

    Raises:
        RecipeError: The recipe has problems, or its task has no labels.
        DataError: The rows cannot be read, or a label has fewer than two rows for each fold.

    Example:
        found = luthier.suspects("recipe.yaml", out="suspects.csv")
        print(found.verdict, found.suspects[0])
    """
    _refuse_unfit(by, out)
    content, given, notes = _content_of(source, overrides)
    recipe = read_recipe(content, overrides)
    task: Task = make_plugin("tasks", recipe.task)
    if task.kind not in JUDGES:
        raise RecipeError(
            "Labels are judged where there are labels: one, several, or a tag for each word.",
            received=f"task={task.name}",
            hint="leave out --labels",
        )
    parts, told, _ = read_sources(recipe, task, given)
    rows = joined([one for one in parts.values() if one is not None])
    refuse_rare(rows, task, n_folds)
    target = task.learn_target(rows)
    listen = listener or (lambda info: None)
    codec, found = out_of_fold(recipe, task, rows, target, n_folds=n_folds, by=by, listener=listen)
    judged = JUDGES[task.kind](codec, rows, found)
    ends = exact_interval(judged.share, judged.n_labels, confidence=0.95)
    share = Score(judged.share, *ends, judged.n_labels)
    listed, role = _listed(judged, rows, task), str(task.answer_role)
    made = Suspects(listed, share, judged.unit, len(rows), n_folds, role, (*notes, *told))
    if out is None:
        return made
    more = write_rows(made.columns(), Path(out))
    return replace(made, notes=(*made.notes, *more))


def _refuse_unfit(by: str, out: str | Path | None) -> None:
    """Refuse what no data is needed to see."""
    if by not in ("frozen", "recipe"):
        raise RecipeError(
            "Labels are judged by a head on the frozen model, or by the recipe's method.",
            received=f"by {by}",
            hint="frozen or recipe",
        )
    if out is not None:
        refuse_unwritable(Path(out))


def _content_of(source: Any, overrides: Sequence[str]) -> tuple[Any, dict[str, Any], list[str]]:
    """Give a recipe, which is guessed for a data file; rows in memory; and what was guessed."""
    notes: list[str] = []
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() not in (".yaml", ".yml"):
        source, notes = recipe_for(source, overrides)
    content, given = rows_apart(source)
    return content, given, notes


def _listed(judged: Judged, rows: Rows, task: Task) -> tuple[Suspect, ...]:
    """List the rows that are suspect, the worst first."""
    role, texts = str(task.answer_role), list(zip(*task.texts(rows), strict=True))
    order = [at for at in np.argsort(judged.quality, kind="stable") if judged.is_suspect[at]]
    return tuple(
        Suspect(
            rows.where(int(at)),
            "\n".join(texts[at]),
            judged.given[at],
            judged.suggested[at],
            float(judged.quality[at]),
            rows[role][at],
            judged.answers[at],
        )
        for at in order
    )
