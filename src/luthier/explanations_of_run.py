"""Are a run's explanations true, which words does its model go by, and how does another compare?

These look at many rows of a finished run; `explain_run/` explains single ones. See `explaining/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from luthier.arguments import Count, Names, Overrides, Paths, checked
from luthier.declarations import Panel
from luthier.errors import RecipeError
from luthier.evaluation.compare_runs import Judged, names_of, refuse_other_rows
from luthier.explain_run.pages import keep
from luthier.explaining import check, normalised
from luthier.explaining import global_words as over_rows
from luthier.explaining.checked import Check
from luthier.explaining.explain import (
    DEFAULT,
    Answered,
    answer_rows,
    make_explainer,
    refuse_no_words,
)
from luthier.explaining.normalised import Normalised
from luthier.explaining.word_records import GlobalWords
from luthier.prediction.predictor import Predictor
from luthier.reading import without_answers
from luthier.records import Rows, Splits, StepInfo
from luthier.rows_of_run import rows_of_run
from luthier.runs import RunFolder
from luthier.runs.files import plain
from luthier.seeding import stream
from luthier.training.listeners import follow

MOST_SCORED = 2000  # test rows that are answered to score words
MOST_COUNTED = 50_000  # training rows whose words are counted
MEASURES = ("comprehensiveness", "sufficiency")

Listener = Callable[[StepInfo], None]


@checked
def check_explanations(
    run: str | Path,
    overrides: Overrides = (),
    *,
    by: Names = (DEFAULT,),
    n_rows: Count = check.N_ROWS,
    seed: int = 0,
    store: bool = False,
    listener: Callable[[StepInfo], None] | None = None,
) -> Check:
    """Check on test rows whether explanations of a run's model are true; see docs/explain.md.

    Args:
        run: The folder of the run.
        overrides: How its files are read, where that differs from the recipe.
        by: The explainers; all are compared with words drawn at random.
        n_rows: Number of test rows, drawn at random.
        seed: Seed of the rows, of random words and of randomised weights.
        store: Whether to keep what is found in the run, and to rewrite its report.
        listener: Called with every step.

    Returns:
        What words are worth, whether values add up, and whether they see the model's weights.

    Raises:
        RunError: There is no run in that folder, it did not finish, or its rows are not at hand.
        RecipeError: There is no such explainer.
        ModelError: The model has no gradients, and an explainer needs them.
        DataError: No row can be explained.

    Example:
        found = luthier.check_explanations("runs/recipe", by=["integrated-gradients", "occlusion"])
        print(*found.verdict)
    """
    for name in by:
        make_explainer(name)
    folder, predictor, splits = opened(run, overrides)
    rows = drawn(splits.test, n_rows, seed, "checked rows")
    steps = check.check_explanations(answered(predictor, rows), by=by, seed=seed)
    found = follow(steps, listener or _nobody)
    if store:
        keep(folder, [Panel("explanation-check", "", plain(found.to_json()))])
    return found


@checked
def global_words(
    run: str | Path,
    overrides: Overrides = (),
    *,
    by: str = DEFAULT,
    n_rows: Count = over_rows.N_ROWS,
    seed: int = 0,
    store: bool = False,
    listener: Callable[[StepInfo], None] | None = None,
) -> GlobalWords:
    """Say which words speak for which label over test rows, and which may be shortcuts.

    Args:
        run: The folder of the run.
        overrides: How its files are read, where that differs from the recipe.
        by: The explainer.
        n_rows: Number of test rows to explain, drawn at random; up to 2,000 are scored.
        seed: Seed of the rows.
        store: Whether to keep what is found in the run, and to rewrite its report.
        listener: Called with every step.

    Returns:
        The words of every label with intervals, and words that matter far more than words do.

    Raises:
        RunError: There is no run in that folder, it did not finish, or its rows are not at hand.
        RecipeError: There is no such explainer.
        ModelError: The model has no gradients, and the explainer needs them.
        DataError: The task has no labels.

    Example:
        found = luthier.global_words("runs/recipe")
        for one in found.shortcuts:
            print(one.sentence)
    """
    make_explainer(by)
    folder, predictor, splits = opened(run, overrides)
    test = drawn(splits.test, MOST_SCORED, seed, "scored rows")
    training = drawn(splits.train, MOST_COUNTED, seed, "counted rows")
    steps = over_rows.global_words(
        answered(predictor, test, is_labelled=True),
        training,
        by=by,
        n_rows=n_rows,
        batch_size=predictor.recipe.training.per_device_eval_batch_size,
        seed=seed,
    )
    found = follow(steps, listener or _nobody)
    if store:
        keep(folder, [Panel("explanation-words", "", plain(found.to_json()))])
    return found


@checked
def compare_explanations(
    runs: Paths,
    *,
    by: str = DEFAULT,
    n_rows: Count = normalised.N_ROWS,
    is_normalised: bool = True,
    seed: int = 0,
    listener: Callable[[StepInfo], None] | None = None,
) -> Normalised:
    """Say whose explanations are more faithful, of two runs on the same test rows.

    Args:
        runs: The folders of two runs.
        by: The explainer.
        n_rows: Number of test rows, those of up to 25 words.
        is_normalised: Whether each row is normalised by its best and worst order of words; without
            it, models cannot be compared, which is refused.
        seed: Seed of the rows and of the resamples.
        listener: Called with every step.

    Raises:
        RunError: A run is missing, unfinished, or was judged on other rows.
        RecipeError: There is no such explainer, or there are not two runs.
        DataError: No row can be compared.

    Example:
        print(luthier.compare_explanations(["runs/small", "runs/large"]).verdict)
    """
    make_explainer(by)
    if not is_normalised:
        raise unnormalised("is_normalised=False", "leave it out")
    if len(runs) != 2:
        raise RecipeError(
            "Explanations of two runs are compared.",
            received=", ".join(map(str, runs)) or "none",
            hint="luthier compare RUN OTHER --explanations",
        )
    folders = [RunFolder.open(one).require_finished() for one in runs]
    judged = [Judged.read(one) for one in folders]
    refuse_other_rows(*judged)
    names = names_of(folders)
    rows = judged[0].rows()
    order = stream(seed, "compared rows").permutation(len(rows))
    both = [answered(Predictor(one), rows.take(order[: 10 * n_rows])) for one in folders]
    steps = normalised.compare_normalised(
        (both[0], both[1]), (names[0], names[1]), by=by, n_rows=n_rows, seed=seed
    )
    return follow(steps, listener or _nobody)


def unnormalised(received: str, hint: str) -> RecipeError:
    """Make the error that faithfulness is not compared across models as it is."""
    return RecipeError(
        "Comprehensiveness and sufficiency cannot be compared across models: how much a model can "
        "lose depends on how sure it is and on how few words it goes by, not on its explanations "
        "(Edin et al. 2024).",
        received=received,
        hint=hint,
    )


def opened(run: str | Path, overrides: Overrides) -> tuple[RunFolder, Predictor, Splits]:
    """Open a finished run, its model and its rows."""
    folder = RunFolder.open(run).require_finished()
    predictor = Predictor(folder, overrides)
    return folder, predictor, rows_of_run(folder, folder.recipe(), predictor.task)


def drawn(rows: Rows, n_rows: int, seed: int, name: str) -> Rows:
    """Draw rows at random, in the order in which they stand; all, if there are no more."""
    if len(rows) <= n_rows:
        return rows
    return rows.take(sorted(stream(seed, name).permutation(len(rows))[:n_rows].tolist()))


def answered(predictor: Predictor, rows: Rows, *, is_labelled: bool = False) -> Answered:
    """Answer rows, so that they can be explained."""
    codec = predictor.codec
    batch_size = predictor.recipe.training.per_device_eval_batch_size
    gold = codec.gold(rows) if is_labelled else None
    bare = without_answers(rows, predictor.task)
    refuse_no_words(codec, "A list or check of words")
    return answer_rows(predictor.model, codec, bare, batch_size=batch_size, gold=gold)


def _nobody(info: StepInfo) -> None:
    """Tell nobody of a step."""
