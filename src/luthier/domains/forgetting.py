"""What a trained model forgot: it is scored on other rows, beside what it could do before.

Before is the model that the recipe names, where its head answers with all labels of the task: it
answers the same rows, and the difference is paired. A checkpoint without such a head knew no
answers, and nothing can be forgotten that was not known: then a baseline that reads nothing stands
beside the score. The loss is the score before less the score after, on fixed rows (Lopez-Paz and
Ranzato 2017, section 2, https://arxiv.org/abs/1706.08840).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from luthier.codec import Codec
from luthier.declarations import Panel
from luthier.evaluation.judge import SYSTEM
from luthier.evaluation.sentences import tell
from luthier.evaluation.systems import Judged, judge_systems
from luthier.hf_types import Model
from luthier.job import Job
from luthier.metrics.significance import holm
from luthier.models.load import build_model, read_config
from luthier.models.rescale import rescale
from luthier.models.trained_head import is_trained_for, names_in
from luthier.recipe.checks import fits, make_plugin
from luthier.recipe.tree import Plugin, Recipe
from luthier.records import Outputs, Rows, StepInfo
from luthier.registry import find
from luthier.report.formatting import amount, interval, title
from luthier.results import ALPHA, Comparison
from luthier.runs import RunFolder
from luthier.task_types.bind import codec_of, load_processor, tokenizer_of
from luthier.training.listeners import Listeners
from luthier.training.predict import predict

BEFORE = "before"
TOLERANCE = 0.05  # of the score before: a loss that the interval excludes from "kept"


@dataclass(frozen=True)
class OnOther:
    """What systems say of other rows.

    Args:
        job: The job with these rows in place of the test rows.
        outputs: System to split to outputs.
    """

    job: Job
    outputs: dict[str, dict[str, Outputs]]


def answer_others(
    recipe: Recipe, job: Job, model: Model, own: Mapping[str, Outputs]
) -> Generator[StepInfo, None, dict[str, OnOther]]:
    """Let the trained model, and the one that it began as, answer other rows.

    Args:
        recipe: The recipe, whose model is the one before any adaptation.
        job: The job, whose `others` are the rows.
        model: The trained model.
        own: Its outputs by split, of which those of validation tune its decoding.
    """
    found: dict[str, OnOther] = {}
    for name, rows in job.problem.others.items():
        on = in_place_of_test(job, rows)
        made = yield from predict(model, on, "test", phase=f"predicting {name}")
        found[name] = OnOther(on, {SYSTEM: {**own, "test": made}})
    if not found:
        return found
    start = starting_model(recipe, job.problem.codec)
    for name, one in found.items():
        system, outputs = yield from _beside(start, one.job, name)
        one.outputs.update({system: outputs} if system else {})
    return found


def _beside(
    start: tuple[Model, Codec] | None, on: Job, name: str
) -> Generator[StepInfo, None, tuple[str, dict[str, Outputs]]]:
    """Let the model before training, or a baseline that reads nothing, answer the rows."""
    if start is None:
        task = on.problem.codec.task
        for baseline in task.baselines:
            plugin = find("baselines", baseline)
            if getattr(plugin, "reads_nothing", False) and fits(plugin, task):
                made = make_plugin("baselines", Plugin(name=baseline))
                return baseline, dict((yield from made.fit(on)))
        return "", {}
    model, codec = start
    splits, items = on.problem.splits, on.problem.items
    items = {**items, "validation": codec.encode(splits.validation)}
    before = in_place_of_test(on.with_problem(codec=codec, items=items), splits.test)
    outputs = {}
    for split in before.problem.scored_splits:
        phase = f"predicting {name} as {BEFORE}"
        outputs[split] = yield from predict(model, before, split, phase=phase)
    return BEFORE, outputs


def in_place_of_test(job: Job, rows: Rows) -> Job:
    """Give a job other rows in place of its test rows."""
    problem, codec = job.problem, job.problem.codec
    return job.with_problem(
        splits=replace(problem.splits, test=rows),
        items={**problem.items, "test": codec.encode(rows)},
        gold={**problem.gold, "test": codec.gold(rows)},
    )


def starting_model(recipe: Recipe, codec: Codec) -> tuple[Model, Codec] | None:
    """Read the model that a recipe starts from, with its own head; None if that has none."""
    asked = recipe.model
    source = asked.model_dump(include={"revision", "ignore_unsafe_files"})
    if asked.pooling != "default" or asked.head_hidden_layers or codec.task.crf or codec.head():
        return None  # heads of our own are not part of a checkpoint
    config = read_config(asked.name, **source)
    processor = load_processor(codec.task, asked.name, new_tokens=asked.new_tokens, **source)
    made = codec_of(recipe, codec.task, codec.target, processor, config)
    target = codec.target
    model = build_model(
        asked.name,
        tokenizer=tokenizer_of(processor),
        labels=target.names,
        problem_type=codec.task.problem_type,
        auto_model=codec.task.auto_model,
        seed=recipe.training.seed,
        generation=made.generation(),
        **source,
    )
    if not is_trained_for(model, names_in(config), target.names):
        return None
    if target.kind == "number":
        rescale(model, mean=-target.mean / target.scale, scale=1 / target.scale)
    return model.eval(), made


def tell_others(
    recipe: Recipe, answered: Mapping[str, OnOther], folder: RunFolder, listeners: Listeners
) -> list[Panel]:
    """Judge the answers to other rows, keep and tell what they say; return panels to show."""
    if not answered:
        return []
    listeners.announce("judging")
    sentences, panels, document = judge_others(recipe, answered)
    for one in sentences:
        listeners.remark(one)
    folder.write_json("also", document)
    return panels


def judge_others(
    recipe: Recipe, answered: Mapping[str, OnOther]
) -> tuple[list[str], list[Panel], dict[str, Any]]:
    """Say of each file whether the model kept or forgot what it could do there.

    Returns:
        Sentences, a table for the report, and the content of `also.json`.
    """
    judged = {name: judge_systems(recipe, one.job, one.outputs) for name, one in answered.items()}
    paired = [name for name, one in judged.items() if BEFORE in one.scores]
    corrected = holm([judged[name].comparisons[0].p_value for name in paired])
    p_of = dict(zip(paired, corrected, strict=True))
    sentences, lines, document = [], [], {}
    for name, one in judged.items():
        compared = [
            retold(each, p_of.get(name, each.p_adjusted), len(paired), recipe)
            for each in one.comparisons
        ]
        told = sentence(recipe, answered[name].job, name, one, compared)
        sentences.append(told)
        document[name] = {"scores": one.scores, "comparisons": compared, "told": told}
        lines += [line_of(answered[name].job, name, one, compared)]
    panels = [Panel("table", "On other rows", lines)] if lines else []
    return sentences, panels, document


def retold(one: Comparison, p: float, n: int, recipe: Recipe) -> Comparison:
    """Correct a comparison for the number of files."""
    made = replace(one, p_adjusted=p, n_comparisons=max(1, n))
    return tell(made, is_clear=p < ALPHA, confidence=recipe.evaluation.confidence)


def sentence(
    recipe: Recipe, job: Job, name: str, judged: Judged, compared: list[Comparison]
) -> str:
    """Say in a sentence what became of a skill."""
    metric = job.problem.codec.task.main_metric
    ours = judged.scores[SYSTEM][metric]
    n, now = f"{ours.n:,} rows of {name}", amount(ours.value, metric)
    within = interval(ours.low, ours.high, metric)
    if BEFORE not in judged.scores:
        beside = f" It is {compared[0].verdict}." if compared else ""
        return (
            f"On {n}, {title(metric)} is {now} ({within}). The model that training began with has "
            f"no head for this task, so nothing can be said to be kept or forgotten.{beside}"
        )
    one, was = compared[0], amount(judged.scores[BEFORE][metric].value, metric)
    word = outcome(one, judged.scores[BEFORE][metric].value)
    return f"{word}: on {n}, {title(metric)} was {was} and is {now}: {one.verdict}."


def outcome(one: Comparison, before: float) -> str:
    """Say whether a skill was kept, by the interval of the difference.

    Args:
        one: The trained model against the one before.
        before: The score before.
    """
    if one.p_adjusted < ALPHA and one.difference < 0:
        return "forgot"
    is_kept = one.difference > 0 and one.p_adjusted < ALPHA
    if is_kept or one.low >= -TOLERANCE * abs(before):
        return "kept"
    return "kept or forgot, which these rows do not tell"


def line_of(job: Job, name: str, judged: Judged, compared: list[Comparison]) -> dict[str, Any]:
    """Write a line of the table."""
    metric = job.problem.codec.task.main_metric
    ours, one = judged.scores[SYSTEM][metric], compared[0] if compared else None
    beside = one.baseline if one else ""
    was = judged.scores[beside][metric].value if one else None
    return {
        "rows of": name,
        "n": ours.n,
        title(metric): f"{amount(ours.value, metric)} ({interval(ours.low, ours.high, metric)})",
        "beside it": f"{beside}: {amount(was, metric)}" if one else "",
        "verdict": one.verdict if one else "",
    }
