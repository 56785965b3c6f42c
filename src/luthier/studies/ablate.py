"""One change at a time: which regulariser, or which setting, helped on these rows?

Every arm is the recipe with one change, trained with the same seeds on the same rows, and compared
with the recipe as it is, paired by seed. Nothing is chosen by test scores: they are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from luthier.arguments import Count, Names, Overrides, checked
from luthier.errors import RecipeError, suggestion
from luthier.load_splits import check_data
from luthier.protocols import Task
from luthier.reading import refuse_errors
from luthier.recipe.checks import make_plugin
from luthier.recipe.load import read_recipe
from luthier.recipe.tree import Recipe
from luthier.registry import names
from luthier.report.study import HELPED
from luthier.runs.files import to_yaml, write_whole
from luthier.studies.changes import verdict_of
from luthier.studies.few_shot_recipes import count_classes, rows_at
from luthier.studies.ladder import parse_shots
from luthier.studies.plan import Plan, name_of
from luthier.studies.results import Results
from luthier.studies.runner import OnTrial, run_study
from luthier.studies.seeds import with_seed
from luthier.studies.trial import Trial
from luthier.studies.verdict import FULL
from luthier.studies.workers import Workers
from luthier.training.listeners import Listener

AS_IS, NOTHING = "as it is", "nothing"
FAR = 1_000_003  # between the seeds of the recipe and those of a change that changes nothing
Tree = dict[str, Any]


def _without(section: str, **fields: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        tree[section] |= fields

    return change


DROPPED: Mapping[str, Callable[[Tree], None]] = {  # what --drop names beside regularisers
    "label-smoothing": _without("training", label_smoothing_factor=0.0),
    "weight-decay": _without("training", weight_decay=0.0),
    "warm-up": _without("training", warmup_steps=0),
    "early-stopping": _without("training", early_stopping_patience=None),
    "clipping": _without("training", max_grad_norm=0.0),
    "frozen-layers": _without("model", freeze_bottom=0, freeze_embeddings=False),
    "fresh-top-layers": _without("model", reinitialise_top=0),
    "head-dropout": _without("model", head_dropout=0.0),
    "augmentation": lambda tree: tree.update(augmentation=[]),
}


@checked
def ablate(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    overrides: Overrides = (),
    *,
    add: Names = (),
    drop: Names = (),
    shots: Sequence[int | str] | None = None,
    n_seeds: Count = 5,
    out: str | Path | None = None,
    name: str | None = None,
    keep_models: bool = False,
    jobs: int | Workers = 1,
    on_trial: OnTrial | None = None,
    listeners: Sequence[Listener] = (),
) -> Results:
    """Find out which of several changes help: each alone, with the same rows and seeds.

    An unfinished study in the same folder is resumed.

    Args:
        recipe: A recipe, the same as a mapping, or the path of a YAML file.
        overrides: `section.field=value`, applied to the recipe before any change.
        add: What to add, each an arm of its own: names of regularisers, or `section.field=value`.
            "nothing" changes only the seeds, to see what chance alone does.
        drop: What to leave out, each an arm of its own: regularisers of the recipe, or
            `label-smoothing`, `weight-decay`, `warm-up`, `early-stopping`, `clipping`,
            `frozen-layers`, `fresh-top-layers`, `head-dropout`, `augmentation`.
        shots: Numbers of training rows of each label (of rows in all, for tasks without classes),
            or "full" for all; None: all.
        n_seeds: How many trainings each arm has.
        out: The folder of the study; None makes it `runs/NAME-ablation`.
        name: What to call the study; None takes the name of the recipe's file.
        keep_models: Whether runs keep the weights that they trained.
        jobs: How many runs are made at once, each in a process of its own, or `Workers("ray")`;
            what comes out does not depend on it, but for the rounding of another number of threads.
        on_trial: Called with (study, number, trial, None) before each run, and with its outcome in
            place of None after it.
        listeners: Called with every `StepInfo` of every run, for progress bars and the like.

    Returns:
        Each change compared with the recipe as it is, and what it did in `sentences`; `report` is
        the path of the page. The recipe with all changes that helped is `recipe.yaml` beside it.

    Raises:
        RecipeError: A change is unknown, changes nothing, or does not fit the recipe.
        DataError: The data cannot be trained on, or a label has too few rows.
        RunError: The folder holds another study.
        Interrupted: By Ctrl-C. The same call resumes the study.

    Example:
        study = luthier.ablate("recipe.yaml", add=["r-drop", "ema"], drop=["label-smoothing"])
        print(study.sentences, study.report)
    """
    name = name or name_of(recipe)
    base = read_recipe(recipe, overrides)
    arms = arms_of(base, add=add, drop=drop)
    levels = parse_shots(shots) if shots is not None else [""]
    plan = plan_ablation(base, arms, levels=levels, seeds=range(n_seeds), name=name)
    results = run_study(
        plan,
        out or Path("runs") / f"{name}-ablation",
        keep_models=keep_models,
        jobs=jobs,
        on_trial=on_trial,
        listeners=listeners,
    )
    taken = recipe_to_take(base, results, add=add, drop=drop)
    write_whole(Path(results.folder) / "recipe.yaml", [to_yaml(taken)])
    return results


def arms_of(base: Recipe, *, add: Sequence[str], drop: Sequence[str]) -> dict[str, Recipe]:
    """Make the recipe of every arm, the recipe as it is first.

    Raises:
        RecipeError: A change is unknown, changes nothing, or does not fit the recipe.
    """
    arms = {AS_IS: base}
    for word, change, asked in (("with", added, add), ("without", dropped, drop)):
        for one in asked:
            made = read_recipe(change(base, one))
            if made == base and one != NOTHING:
                raise RecipeError(
                    "This change changes nothing.",
                    received=f"{'--add' if change is added else '--drop'} {one}",
                    hint=f"leave it out; --add {NOTHING} shows what other seeds alone do",
                )
            arms[f"{word} {one}"] = made
    if len(arms) == 1:
        raise RecipeError(
            "There is no change to try.", received="no --add and no --drop", hint="--add r-drop,ema"
        )
    return arms


def added(recipe: Recipe, what: str) -> Tree:
    """Add a regulariser, or set a field.

    Raises:
        RecipeError: There is no such regulariser.
    """
    if "=" in what:
        return dict(read_recipe(recipe, [what]).model_dump(mode="json"))
    tree = recipe.model_dump(mode="json")
    if what == NOTHING:
        return tree
    if what not in names("regularisers"):
        known = (*names("regularisers"), NOTHING)
        raise RecipeError(
            f"There is no regulariser called '{what}' to add.",
            received=f"--add {what}",
            hint=f"{suggestion(what, known)}; or a field: --add training.weight_decay=0.1",
        )
    tree["regularisers"] = [*tree["regularisers"], what]
    return tree


def dropped(recipe: Recipe, what: str) -> Tree:
    """Leave a regulariser of the recipe out, or one of its other cures.

    Raises:
        RecipeError: There is no such thing to leave out.
    """
    tree = recipe.model_dump(mode="json")
    own = [one.name for one in recipe.regularisers]
    if what in own:
        tree["regularisers"] = [one for one in tree["regularisers"] if one["name"] != what]
    elif what in DROPPED:
        DROPPED[what](tree)
    else:
        raise RecipeError(
            f"There is no '{what}' to leave out.",
            received=f"--drop {what}",
            hint=suggestion(what, (*own, *DROPPED)),
        )
    return tree


def plan_ablation(
    base: Recipe,
    arms: Mapping[str, Recipe],
    *,
    levels: Sequence[str],
    seeds: Sequence[int],
    name: str = "recipe",
) -> Plan:
    """Lay the trials out: at each level, every arm with every seed, those of one seed together.

    Args:
        base: The recipe as it is.
        arms: Name to recipe.
        levels: As `parse_shots` gives them; "" for the rows of the recipe.
        seeds: The seeds of draws and trainings.
        name: What to call the study.
    """
    sizes, per_class = sizes_at(base, levels)
    trials = [
        Trial(arm, level, seed, at_level(with_seed(recipe, own_seed(arm, seed)), sizes[level]))
        for level in levels
        for seed in seeds
        for arm, recipe in arms.items()
    ]
    changes = ", ".join(arm for arm in arms if arm != AS_IS)
    notes = [
        f"Each arm is the recipe with one change: {changes}.",
        f"Seeds: {', '.join(map(str, seeds))}. Rows and seeds are the same for all arms.",
        "Each arm is compared with the recipe as it is, paired by seed; p-values are corrected for "
        "the number of changes (Holm).",
        "Changes that helped were not tried together.",
    ]
    unit = "" if list(levels) == [""] else "labels a class" if per_class else "rows"
    return Plan(f"{name}: {changes}", trials, notes=notes, unit=unit, reference=AS_IS)


def own_seed(arm: str, seed: int) -> int:
    """Give the seed of a training: a change that changes nothing has others."""
    return seed + FAR if arm == f"with {NOTHING}" else seed


def sizes_at(base: Recipe, levels: Sequence[str]) -> tuple[dict[str, Tree], bool]:
    """Say how each level limits the training rows, and whether levels count rows of each label.

    Raises:
        DataError: The data cannot be trained on, or a label has too few rows.
    """
    if list(levels) == [""]:
        return {"": {}}, False
    task: Task = make_plugin("tasks", base.task)
    found = check_data(base, task)
    refuse_errors(found.findings, base.data.ignore_findings)
    n_classes = count_classes(found.splits, task)
    sizes: dict[str, Tree] = {}
    for level in levels:
        n_rows = rows_at(level, found.splits, task, n_classes)
        sizes[level] = {} if level == FULL else {"limit": {**base.data.limit, "train": n_rows}}
        if n_classes is not None and level != FULL:
            sizes[level] = {"shots": int(level)}
    return sizes, n_classes is not None


def at_level(recipe: Recipe, size: Tree) -> Recipe:
    """Limit the training rows of a recipe."""
    if not size:
        return recipe
    tree = recipe.model_dump(mode="json")
    tree["data"] |= size
    return read_recipe(tree)


def recipe_to_take(
    base: Recipe, results: Results, *, add: Sequence[str], drop: Sequence[str]
) -> Recipe:
    """Make the recipe with every change that helped at the last level, the best first.

    Of two that exclude each other, the better one is taken.
    """
    gains = {
        pair.first: pair.difference.mean
        for pair in results.pairs
        if pair.level == results.levels[-1] and verdict_of(pair) == HELPED
    }
    changes = {f"with {one}": (added, one) for one in add}
    changes |= {f"without {one}": (dropped, one) for one in drop}
    for arm in sorted(gains, key=lambda one: -gains[one]):
        change, what = changes[arm]
        with suppress(RecipeError):
            base = read_recipe(change(base, what))
    return base
