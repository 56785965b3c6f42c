"""Opens a desk: the recipe, the pool, the labels there are, and what trains beside it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal

from luthier.arguments import Overrides, checked
from luthier.data.labels import label_name
from luthier.errors import DataError, RecipeError
from luthier.labelling.answers import KINDS, OUTSIDE, Answers, names_in
from luthier.labelling.beside import ChooserBeside
from luthier.labelling.desk import Desk
from luthier.labelling.here import ChooserHere
from luthier.labelling.journal import Journal
from luthier.labelling.orders import Chooser
from luthier.labelling.pool import read_known, read_pool
from luthier.labelling.questions import Plan
from luthier.protocols import Task
from luthier.recipe.checks import make_plugin
from luthier.recipe.given_rows import rows_apart
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.records import Rows, Splits
from luthier.registry import find, names
from luthier.seeding import stream
from luthier.task_types.label_ids import sort_labels

LONGEST_NAME = 60  # characters of an annotator's name
TASKS = "text-classification, pair-classification, multi-label-classification, token-classification"


@checked
def label(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    pool: Any,
    by: str = "margin",
    batch: int = 20,
    audit: float = 0.1,
    annotator: str | None = None,
    out: str | Path = "labels.jsonl",
    labels: Sequence[str] = (),
    suggest: bool = False,
    method: Literal["frozen", "recipe"] = "frozen",
    candidates: int = 3000,
    columns: Mapping[str, str] | None = None,
    background: bool = True,
    patience: float | None = None,
) -> Desk:
    """Open a labelling desk: ask it for rows and tell it answers; go on where it was left.

    Args:
        recipe: The model, the task, and rows that have answers already, if there are any.
        overrides: Changes of the recipe, as `section.field=value`.
        pool: The rows to label: a file, or rows in memory.
        by: The query strategy after the first batch; `luthier list queries`.
        batch: Rows that are chosen at once.
        audit: Share of the rows that are drawn at random and only score.
        annotator: Who answers; None: the name of this user.
        out: The file that keeps the answers, one JSON object a line.
        labels: Labels, in the order of their numbers; those of the recipe's rows follow.
        suggest: Whether questions carry the model's own answer. It draws people towards it.
        method: What trains between batches: `frozen` fits a head on the frozen model in seconds,
            `recipe` is the recipe's own method.
        candidates: Most rows that a strategy chooses from; more are drawn from at random.
        columns: Role to the name of its column in the pool, where that is not the recipe's.
        background: Whether another process trains; else this one does, while `ask` waits.
        patience: Seconds that `ask` waits for a training before it gives rows of an older one;
            None waits for each.

    Raises:
        RecipeError: The recipe is wrong, or there is no such strategy.
        DataError: There is nothing to label, or fewer than two labels are known.
        RunError: Another desk writes to the same file.

    Example:
        with luthier.label("recipe.yaml", pool="unlabelled.csv") as desk:
            while question := desk.ask():
                desk.tell(input(question.texts["text"]))
    """
    recipe, given = rows_apart(recipe)
    in_memory = [f"data.{split}=memory:{split}" for split in given]
    read = read_recipe(recipe, [*in_memory, *overrides])
    plan = _plan(by, batch, audit, annotator, suggest, candidates, patience, read.training.seed)
    task: Task = make_plugin("tasks", read.task)
    kind = _kind(task)
    _refuse_unfit(by, task)
    known = read_known(read, task, os.path.abspath(out), given)
    rows = read_pool(pool, read, task, known, columns=columns)
    journal = Journal(Path(out))
    with ExitStack() as on_failure:
        on_failure.callback(journal.close)
        answers = _answers(kind, task, labels, known, journal)
        target = task.learn_target(answers.learn_from())
        if labels:
            journal.keep_names(answers.names, plan.annotator)
        chooser: Chooser = (
            ChooserBeside(read, target, method)
            if background
            else ChooserHere(partial(_trainer, read, task, target, method))
        )
        train = None if known is None else _some(known.train, candidates, plan.seed)
        desk = Desk(read, rows, task, answers, journal, chooser, plan, known=train)
        on_failure.pop_all()
    return desk


def _trainer(recipe: Recipe, task: Task, target: Any, method: str) -> Any:
    from luthier.labelling.chooser import TrainingChooser

    return TrainingChooser(recipe, task, target, method, lambda phase, done, total: None)


def _plan(
    by: str,
    batch: int,
    audit: float,
    annotator: str | None,
    suggest: bool,
    candidates: int,
    patience: float | None,
    seed: int,
) -> Plan:
    """Check how rows are chosen, and who answers."""
    if not 0 <= audit < 1:
        raise DataError(
            "The audit rows are a share of the pool.",
            received=f"--audit {audit}",
            hint="--audit 0.1",
        )
    for name, value in (("batch", batch), ("candidates", candidates)):
        if value < 1:
            raise DataError(
                f"A {name} has rows.", received=f"--{name} {value}", hint=f"--{name} 20"
            )
    who = (_user() if annotator is None else annotator).strip()
    if not who or len(who) > LONGEST_NAME or not who.isprintable():
        raise DataError(
            f"An annotator's name is 1 to {LONGEST_NAME} printable characters.",
            received=repr(annotator)[:80],
            hint="--annotator ada",
        )
    return Plan(by, batch, audit, who, suggest, candidates, patience, seed)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no users
        return "me"


def _kind(task: Task) -> type[Answers]:
    """Return what an answer of the task is.

    Raises:
        RecipeError: Answers of this task cannot be given here.
    """
    are_texts = all(
        column.kind == "text" for column in task.columns if column.role in task.input_roles
    )
    if task.kind not in KINDS or not are_texts:
        raise RecipeError(
            "Labels, several labels and entities of texts can be given here.",
            received=f"task {task.name}",
            hint="write the numbers into a column of a table, and name it in data.columns"
            if task.kind == "number"
            else f"one of: {TASKS}",
        )
    return KINDS[task.kind]


def _refuse_unfit(by: str, task: Task) -> None:
    """Refuse a strategy that there is not, or not for the task."""
    if task.kind not in find("queries", by).kinds:
        able = [name for name in names("queries") if task.kind in find("queries", name).kinds]
        raise RecipeError(
            f"'{by}' cannot choose rows of {task.name}.",
            received=f"--by {by}",
            hint=f"one of: {', '.join(able)}",
        )


def _answers(
    kind: type[Answers], task: Task, labels: Sequence[str], known: Splits | None, journal: Journal
) -> Answers:
    """Gather the labels: those that are given, and those that rows have.

    Raises:
        DataError: There are too few to choose between.
    """
    given = labels or journal.names
    asked = list(dict.fromkeys(label_name(one) for one in given if label_name(one)))
    found = [] if known is None else names_in(known.train, task.kind)
    kept = [one for one in journal.records if one.get(kind.role) is not None]
    if kept:
        role = "tags" if task.kind == "tags" else kind.role
        found += names_in(Rows.of({role: [one[role] for one in kept]}), task.kind)
    every = (*asked, *(one for one in sort_labels(found) if one not in asked))
    _refuse_plain_tags(known, task, found)
    fewest = 2 if kind.is_single else 1
    if len(every) < fewest:
        raise DataError(
            "A desk has to know the labels, and no rows with answers tell them.",
            received=f"{len(every)} label{'' if len(every) == 1 else 's'}: {', '.join(every)}",
            hint="--labels yes,no (all of them, with commas between)",
        )
    return kind(every)


def _refuse_plain_tags(known: Splits | None, task: Task, found: Sequence[str]) -> None:
    """Refuse rows in which every word has a tag of its own: the desk marks entities alone."""
    if task.kind != "tags" or known is None or found or not len(known.train):
        return
    tags = dict.fromkeys(tag for cell in known.train["tags"] for tag in cell if tag != OUTSIDE)
    if tags:
        raise RecipeError(
            "The desk marks entities, not a tag for every word.",
            received=f"tags {', '.join(list(tags)[:5])}, none of which begins with B- or I-",
            hint="label a table with one word and its tag in each line (CoNLL)",
        )


def _some(rows: Rows, most: int, seed: int) -> Rows:
    """Draw at most so many rows: the model that chooses reads every one."""
    if len(rows) <= most:
        return rows
    return rows.take(sorted(stream(seed, "known").permutation(len(rows))[:most].tolist()))
