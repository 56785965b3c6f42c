"""Tiny models with answers that can be explained, and what they answer by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from luthier.explaining.explain import Answered, answer_rows
from luthier.records import Rows
from luthier.task_types.explained_texts import log_odds
from tests.toys import toy_problem

MASKED = Rows.of({"text": ["the grass is [MASK] here and [MASK] on", "snow [MASK] white"]})


def answered(task: str, folder: Any, rows: Rows | None = None, **sections: Any) -> Answered:
    """Answer rows of a task by a tiny model that is sure enough for its words to matter."""
    _, prepared = toy_problem(task, folder, **sections)
    problem = prepared.job.problem
    model = prepared.job.session.make_model(True).eval()
    sharpen(model)
    gold = None
    if rows is None:
        rows = MASKED if task == "masked-lm" else problem.splits.test.take(range(2))
        gold = None if task == "masked-lm" else problem.codec.gold(rows)
    return answer_rows(model, problem.codec, rows, batch_size=8, gold=gold)


def sharpen(model: Any) -> None:
    """Make a model of random weights sure enough that its words matter, and let it write on."""
    for name, one in model.named_parameters():
        if "classif" in name or "score" in name or "logits_proj" in name:
            one.data *= 20
        elif one.ndim > 1:
            one.data *= 1.5
    if hasattr(model, "final_logits_bias"):
        model.final_logits_bias[0, model.config.eos_token_id] = -50.0


def odds_of(given: Answered, decision: Any) -> float:
    """Return a decision's log-odds by what was inferred for its item."""
    values = given.inferred[decision.kind][decision.item]
    total = 0.0
    for one in decision.choices:
        logits = np.atleast_1d(values[one.outputs])
        total += float(logits[0]) if one.chosen is None else log_odds(logits, one.chosen)
    return total


def again(given: Answered, role: str, first: int, past: int, mask: str) -> Answered:
    """Answer the first row again, with some characters of a column replaced by the mask."""
    columns = {name: [cells[0]] for name, cells in given.rows.columns.items()}
    if role.startswith("choice "):
        choices = list(columns["choices"][0])
        place = int(role.removeprefix("choice ")) - 1
        choices[place] = choices[place][:first] + mask + choices[place][past:]
        columns["choices"] = [choices]
    else:
        text = columns[role][0]
        columns[role] = [text[:first] + mask + text[past:]]
    if "words" in columns:
        more = len(mask) - (past - first)
        columns["words"] = [
            [(a + more * (a > first), b + more * (b >= past)) for a, b in columns["words"][0]]
        ]
    changed = Rows.of(columns)
    return answer_rows(given.model, given.codec, changed, batch_size=8)


def tokens(given: Answered, item: int = 0) -> np.ndarray:
    """Return the tokens of an item, as the model reads them."""
    batch = given.codec.batch(given.items, np.array([item]), kind=next(iter(given.inferred)))
    return batch.inputs["input_ids"].reshape(-1)
