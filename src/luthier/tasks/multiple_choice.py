"""`multiple-choice`: a text, and endings or answers of which one is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from scipy.special import softmax

from luthier.data.labels import is_missing, label_name
from luthier.errors import DataError
from luthier.metrics.choices import measure_choices
from luthier.protocols import Column
from luthier.recipe.tree import Section
from luthier.records import (
    Array,
    Batch,
    Encoded,
    Finding,
    Measure,
    Objective,
    Outputs,
    Predictions,
    Rows,
    Target,
)
from luthier.task_types.defaults import Answering, column_of, texts_of
from luthier.text.batches import pad
from luthier.text.tokenize import tokenize

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NEVER = -1e4  # the logit of a choice that a row does not have


class MultipleChoiceOptions(Section):
    """There is nothing to choose: every choice is scored beside its text."""


class MultipleChoice(Answering):
    """A text, and endings or answers of which one is right."""

    name: ClassVar[str] = "multiple-choice"
    hub_task: ClassVar[str] = "multiple-choice"
    unit: ClassVar[str] = "choice"
    kind: ClassVar[str] = "choice"
    Options = MultipleChoiceOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "context", "article", "sent1", "startphrase", "premise")),
        Column("choices", "choices", ("choices", "options", "endings")),
        Column("label", "label", ("label", "answer", "gold", "correct")),
    )
    alternative_columns: ClassVar[tuple[str, ...]] = ("ending0", "ending1", "question", "sent2")
    auto_model: ClassVar[str] = "AutoModelForMultipleChoice"
    baselines: ClassVar[tuple[str, ...]] = ("majority", "word-overlap", "from-scratch")
    windows: ClassVar[bool | None] = None
    main_metric: str = "accuracy"

    def __init__(self, options: MultipleChoiceOptions):
        self.options = options

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Gather choices from columns of their own (`ending0`, `ending1` …) or from one cell."""
        columns = dict(rows.columns)
        if "choices" not in columns:
            stems = ("ending", "choice", "option", "answer")
            for stem in stems:
                apart = [name for name in columns if name.removeprefix(stem).isdigit()]
                if stem + "0" in columns or stem + "1" in columns:
                    apart.sort(key=lambda name: int(name.removeprefix(stem)))
                    parts = [columns.pop(name) for name in apart]
                    columns["choices"] = [list(cells) for cells in zip(*parts, strict=True)]
                    break
        if "choices" not in columns:
            return rows, []
        columns["choices"] = [
            _choices(cell, rows.where(index)) for index, cell in enumerate(columns["choices"])
        ]
        lead = columns.get("question", columns.get("sent2"))
        if lead is not None:
            columns["choices"] = [
                [f"{start} {choice}".strip() for choice in cell]
                for start, cell in zip(lead, columns["choices"], strict=True)
            ]
            for name in ("question", "sent2"):
                columns.pop(name, None)
        return Rows(columns, rows.files, rows.file_of, rows.lines), []

    def learn_target(self, rows: Rows) -> Target:
        """Count the choices of the row that has most."""
        most = max((len(cell) for cell in column_of(rows, "choices")), default=0)
        if most < 2:
            raise DataError(
                "There is nothing to choose from: the training rows have fewer than two choices.",
                received=f"{len(rows)} rows of {', '.join(rows.files)}",
                hint="data.columns.choices=the column with the choices",
            )
        return Target(self.kind, tuple(str(number) for number in range(most)))

    def gold(self, rows: Rows, target: Target) -> Array:
        """Read which choice is right, (rows,): a number from 0, a letter, or the choice itself."""
        return np.array(
            [
                _which(value, choices, rows.where(index))
                for index, (value, choices) in enumerate(
                    zip(column_of(rows, "label"), column_of(rows, "choices"), strict=True)
                )
            ],
            dtype=np.int64,
        )

    def texts(self, rows: Rows) -> tuple[Sequence[str], ...]:
        """Give the texts."""
        return (texts_of(rows, "text"),)

    def encode(
        self,
        rows: Rows,
        *,
        tokenizer: Any,
        target: Target,
        max_tokens: int,
        stride: int | None = None,
        training: bool = False,
    ) -> Encoded:
        """Tokenize the text with each of its choices; an item is a text with one choice.

        Training items and batches are whole rows all the same: `collate` is given rows.
        """
        choices = column_of(rows, "choices")
        counts = np.array([len(cell) for cell in choices], dtype=np.int64)
        firsts = np.repeat(np.array(texts_of(rows, "text"), dtype=object), counts).tolist()
        seconds = [str(choice) for cell in choices for choice in cell]
        inputs, full = tokenize(tokenizer, firsts, seconds, max_tokens=max_tokens)
        ids = inputs["input_ids"].lengths
        starts = np.concatenate([[0], np.cumsum(counts)])
        longest = [full[a:b].max(initial=1) for a, b in pairwise(starts)]
        kept = [ids[a:b].max(initial=1) for a, b in pairwise(starts)]
        return Encoded(
            {"rows": np.arange(len(rows))},
            self.gold(rows, target) if "label" in rows else None,
            np.array(longest, dtype=np.int64),
            kept_lengths=np.array(kept, dtype=np.int64),
            marks={"choices": inputs, "starts": starts, "n": target.n_outputs},
            item_lengths=target.n_outputs * np.array(kept, dtype=np.int64),
        )

    def collate(
        self,
        encoded: Encoded,
        indices: Array,
        *,
        tokenizer: Any,
        reading: str | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Pad to (batch, choices, tokens); choices that a row lacks repeat its last."""
        starts, n_choices = encoded.marks["starts"], encoded.marks["n"]
        counts = starts[indices + 1] - starts[indices]
        place = np.minimum(np.arange(n_choices), counts[:, None] - 1)  # (batch, choices)
        items = (starts[indices][:, None] + place).reshape(-1)
        flat = pad(encoded.marks["choices"], items, tokenizer=tokenizer)
        batch: Batch = {
            name: values.reshape(len(indices), n_choices, -1) for name, values in flat.items()
        }
        if encoded.targets is not None and reading is None:
            batch["labels"] = np.asarray(encoded.targets)[indices]
        return batch

    def objective(self, target: Target, gold: Any, *, label_smoothing: float) -> Objective:
        """Tell the right choice from the others."""
        return Objective("cross-entropy", label_smoothing=label_smoothing)

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Give every choice its logit, (rows, choices); absent ones a very low one."""
        said = np.array(read["logits"]).reshape(-1, encoded.marks["n"])
        starts = encoded.marks["starts"]
        said[np.arange(encoded.marks["n"]) >= np.diff(starts)[:, None]] = NEVER
        return said

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Take the choice of highest probability."""
        return Predictions(outputs.argmax(axis=-1), softmax(outputs, axis=-1), outputs)

    def measure(self, gold: Any, predictions: Predictions, target: Target) -> Measure:
        """Prepare accuracy and log loss."""
        return measure_choices(gold, predictions.answers, predictions.probabilities)

    def uninformed_outputs(self, rows: Rows, target: Target, *, watched: bool = False) -> Outputs:
        """Prefer no choice, (rows, choices)."""
        counts = np.array([len(cell) for cell in column_of(rows, "choices")])
        is_there = np.arange(target.n_outputs) < counts[:, None]
        return np.where(is_there, 0.0, NEVER).astype(np.float32)

    def to_json(self, answers: Any, index: int, rows: Rows, target: Target) -> str:
        """Give the choice itself."""
        choices = rows["choices"][index]
        return str(choices[min(int(answers[index]), len(choices) - 1)])

    def from_json(
        self, said: Sequence[Mapping[str, Any]], rows: Rows, target: Target
    ) -> Predictions:
        """Read choices back, with their probabilities; those are rounded, so ties say nothing."""
        probabilities = np.array([one["probabilities"] for one in said], dtype=float)
        answers = [
            max(
                (place for place, choice in enumerate(choices) if str(choice) == one["answer"]),
                key=shares.__getitem__,
            )
            for one, choices, shares in zip(said, rows["choices"], probabilities, strict=True)
        ]
        return Predictions(
            np.array(answers), probabilities, np.log(np.maximum(probabilities, 1e-12))
        )

    def answer(
        self,
        predictions: Predictions,
        index: int,
        rows: Rows,
        target: Target,
        *,
        top_k: int | None = 1,
    ) -> Any:
        """Give `{"label", "score"}` with the choice as label; a list unless `top_k` is 1."""
        choices = rows["choices"][index]
        probabilities = predictions.probabilities[index][: len(choices)]
        best_first = np.argsort(-probabilities, kind="stable")[:top_k]
        answers = [
            {"label": str(choices[one]), "score": float(probabilities[one])} for one in best_first
        ]
        return answers[0] if top_k == 1 else answers

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay the best choice and its score out."""
        best = answer[0] if isinstance(answer, list) else answer
        return {"prediction": best["label"], "score": f"{best['score']:.6g}"}

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 beginnings with four endings, of which one can be eaten."""
        food = ("the soup", "some bread", "a cake", "the stew")
        things = ("the iron", "a letter", "a chair", "the hammer", "some glass", "the lamp")
        texts, choices, labels = [], [], []
        for n in range(80):
            label = n * 7 // 2 % 4
            offered = [things[(n + k * (1 + n % 2)) % 6] for k in range(3)]
            offered.insert(label, food[n // 3 % 4])
            texts.append(f"On day {n} the {('cook', 'clerk', 'smith')[n % 3]} is hungry and eats")
            choices.append(offered)
            labels.append(label)
        return Rows.of({"text": texts, "choices": choices, "label": labels}, name="toy")


def _choices(cell: Any, where: str) -> list[str]:
    """Read a row's choices: a list, a mapping with `text`, or a cell separated by `|`."""
    if isinstance(cell, Mapping) and "text" in cell:
        cell = cell["text"]
    if isinstance(cell, str):
        cell = [part.strip() for part in cell.split("|")]
    if not isinstance(cell, (list, tuple, np.ndarray)) or len(cell) == 0:
        raise DataError(
            f"The choices at {where} are no list.",
            received=repr(cell)[:80],
            hint='["one", "another"], or one|another in a table',
        )
    return ["" if choice is None else str(choice) for choice in cell]


def _which(value: Any, choices: Sequence[str], where: str) -> int:
    """Say which choice a label means."""
    name = "" if is_missing(value) else label_name(value)
    if name in choices:
        return list(choices).index(name)
    number = int(name) if name.isdigit() else LETTERS.find(name.lower()) if len(name) == 1 else -1
    if 0 <= number < len(choices):
        return number
    raise DataError(
        f"The label at {where} is none of the row's {len(choices)} choices.",
        received=repr(value),
        hint="a number from 0, a letter from A, or the choice itself",
    )
