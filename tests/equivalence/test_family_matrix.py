"""Every task on every family that can learn it: trained, saved, read by plain Transformers.

What a family cannot learn is told in a sentence; `docs/families.md` has the same holes.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import transformers

import luthier
from luthier.errors import ModelError
from luthier.ragged import Ragged
from luthier.registry import find, names
from luthier.runs import RunFolder
from tests.tiny import DECODERS, FAMILIES, WRITERS
from tests.toys import toy_rows, toy_tree

ENCODERS = tuple(name for name in FAMILIES if name not in (*WRITERS, *DECODERS))
UNITS = {  # who can learn what
    "sequence": (*ENCODERS, *DECODERS, "t5", "bart", "mbart"),
    "token": (*ENCODERS, *DECODERS, "t5"),
    "span": (*ENCODERS, *DECODERS, "t5", "bart", "mbart"),
    "choice": ENCODERS,
    "generation": WRITERS,
    "causal-lm": DECODERS,
    "masked-lm": tuple(name for name in ENCODERS if name != "xlnet"),
    "denoising": WRITERS,
}
TASKS = [
    name
    for name in names("tasks")
    if find("tasks", name).unit not in ("sequence", "media", "joint")
]
TASKS.insert(0, "text-classification")
TEXTS = {
    "question-answering": {"question": "Who baked a cake?", "context": "Ada baked a cake."},
    "multiple-choice": {"text": "The cook eats", "choices": ["the soup", "a letter"]},
    "masked-lm": {"text": "the grass is [MASK] here"},
    "denoising": {"text": "the grass is [MASK] here"},
}


def able(task):
    """Name the families that can learn a task."""
    return UNITS.get(task) or UNITS[find("tasks", task).unit]


PAIRS = [(task, family) for task in TASKS for family in FAMILIES]


@pytest.mark.parametrize(("task", "family"), [pair for pair in PAIRS if pair[1] in able(pair[0])])
def test_a_family_learns_a_task_and_plain_transformers_read_it(task, family, tiny_model, tmp_path):
    result = luthier.run(
        toy_tree(
            task,
            tiny_model(family),
            baselines=[],
            training={"max_steps": 2, "use_cpu": True, "num_train_epochs": 1},
            data={"limit": {"train": 16, "test": 6, "validation": 6}},
            evaluation={"n_resamples": 100},
        ),
        out=tmp_path / "run",
        data={"train": toy_rows(task)},
    )
    folder = RunFolder.open(result.folder)
    predictor = luthier.load(folder.path)
    plain = getattr(transformers, predictor.task.auto_model).from_pretrained(folder.model)
    assert type(plain) is type(predictor.model)
    if predictor.codec.target.names:
        assert tuple(plain.config.id2label.values()) == predictor.codec.target.names
    lines = list(folder.read_predictions())
    ours = said_of(predictor, lines)
    predictor.model = plain.eval()
    assert said_of(predictor, lines) == ours
    kept = [line["predictions"]["fine-tuned"]["answer"] for line in lines]
    is_number = isinstance(kept[0], float)
    assert kept == (pytest.approx(ours, rel=1e-3) if is_number else ours)
    card = (folder.model / "README.md").read_text(encoding="utf-8")
    assert f"pipeline_tag: {predictor.task.hub_task}" in card
    hub_task = predictor.task.hub_task
    assert f'pipeline("{hub_task}"' in card or f"{predictor.task.auto_model}.from" in card
    assert json.dumps(predictor(TEXTS.get(task, "the cat sees a dog")))


def said_of(predictor, lines):
    """Answer the kept rows again, spelled out."""
    from luthier.records import Rows

    columns = {name: [line["columns"][name] for line in lines] for name in lines[0]["columns"]}
    rows = Rows.of(columns)
    predictions = predictor.predict(rows)
    return [predictor.codec.to_json(predictions.answers, row, rows) for row in range(len(rows))]


@pytest.mark.parametrize(
    ("task", "family"), [pair for pair in PAIRS if pair[1] not in able(pair[0])]
)
def test_a_hole_is_told_in_a_sentence(task, family, tiny_model, tmp_path):
    with pytest.raises(ModelError) as caught:
        luthier.run(
            toy_tree(task, tiny_model(family), baselines=[]),
            out=tmp_path / "run",
            data={"train": toy_rows(task)},
        )
    assert family in str(caught.value)
    assert caught.value.hint


def test_the_docs_have_the_same_holes():
    table = Path("docs/families.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("| ")]
    head = [cell.strip() for cell in rows[0]]
    told = {
        (task, cells[0].strip())
        for cells in rows[1:]
        for task, cell in zip(head[1:], cells[1:], strict=True)
        if cell.strip() == "yes"
    }
    assert told == {(task, family) for task, family in PAIRS if family in able(task)}


def test_items_of_unequal_length_are_taken_by_row():
    ragged = Ragged.of([[1, 2], [], [3]])
    assert [ragged.take([2, 0])[row].tolist() for row in range(2)] == [[3], [1, 2]]
    assert np.array_equal(ragged.lengths, [2, 0, 1])
