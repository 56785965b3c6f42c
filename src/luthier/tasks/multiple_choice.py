"""`multiple-choice`: a text, and endings or answers of which one is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.columns import Column
from luthier.data.cells import structure_of
from luthier.data.labels import is_missing, label_name
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.explanation import Choice, Decision, Words
from luthier.items import ItemField, Items
from luthier.metrics.choices import measure_choices
from luthier.metrics.softmax import softmax
from luthier.objective import Objective
from luthier.padding import pad
from luthier.ragged import Array
from luthier.recipe.tree import Section
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.registry import find
from luthier.results import Finding, Mistake
from luthier.task_types.defaults import CodecDefaults, TaskDefaults, column_of, texts_of
from luthier.task_types.explained_choices import choice_role, together
from luthier.task_types.explained_texts import texts_at, tokens_of, words_of_tokens
from luthier.task_types.label_ids import best_first
from luthier.task_types.mistakes import mistaken_labels

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NEVER = -1e4  # the logit of a choice that a row does not have


class MultipleChoiceOptions(Section):
    """Options of multiple choice."""

    first_number: Literal[0, 1] = Field(
        0, description="The number of the first choice, where labels are numbers."
    )


@dataclass(frozen=True)
class ChoiceLayout:
    """Which encoded texts belong to which row.

    Args:
        starts: First text of every row, and the number of texts, (rows + 1,).
        n_choices: Choices in a batch.
    """

    starts: Array
    n_choices: int


@dataclass(frozen=True)
class MultipleChoiceCodec(CodecDefaults[MultipleChoiceOptions]):
    """A text, and endings or answers of which one is right."""

    def gold(self, rows: Rows) -> Array:
        """Read which choice is right, (rows,): its number, a letter, or the choice itself."""
        first = self.options.first_number
        return np.array(
            [
                _which(value, choices, rows.where(index), first=first)
                for index, (value, choices) in enumerate(
                    zip(column_of(rows, "label"), column_of(rows, "choices"), strict=True)
                )
            ],
            dtype=np.int64,
        )

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Encode the text with each of its choices; an item is a row with all of its choices."""
        choices = column_of(rows, "choices")
        reader = find("inputs", "choices")()
        made = reader.encode([texts_of(rows, "text"), choices], self.processor, self.limits)
        targets = self.gold(rows) if "label" in rows else None
        n_choices = self.target.n_outputs
        counts = np.array([len(cell) for cell in choices], dtype=np.int64)
        return Items(
            made.fields,
            None if targets is None else ItemField(targets),
            n_choices * made.kept_lengths,
            made.full_lengths,
            made.kept_lengths,
            layout=ChoiceLayout(np.concatenate([[0], np.cumsum(counts)]), n_choices),
        )

    def pad_inputs(self, items: Items, chosen: Array) -> dict[str, Array]:
        """Pad to (batch, choices, tokens); choices that a row lacks repeat its last."""
        layout: ChoiceLayout = items.layout
        starts = layout.starts[chosen]
        counts = layout.starts[chosen + 1] - starts
        place = np.minimum(np.arange(layout.n_choices), counts[:, None] - 1)  # (batch, choices)
        texts = (starts[:, None] + place).reshape(-1)  # (batch * choices,)
        flat = pad(items.inputs, texts, side=self.padding_side)
        return {
            name: values.reshape(len(chosen), layout.n_choices, -1) for name, values in flat.items()
        }

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Use cross-entropy over a row's choices."""
        return Objective("cross-entropy", label_smoothing=label_smoothing)

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Return the logit of every choice, (rows, choices); a very low one for absent choices."""
        layout: ChoiceLayout = items.layout
        logits = np.array(inferred["logits"]).reshape(-1, layout.n_choices)
        logits[np.arange(layout.n_choices) >= np.diff(layout.starts)[:, None]] = NEVER
        return logits

    def decode(self, outputs: Outputs) -> Predictions:
        """Choose the most probable choice."""
        return Predictions(outputs.argmax(axis=-1), softmax(outputs), outputs)

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare accuracy and log loss."""
        return measure_choices(gold, predictions.answers, predictions.probabilities)

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List wrong choices."""
        return mistaken_labels(gold, predictions)

    def decisions(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """Explain the choice against the row's others."""
        choices = rows["choices"][index]
        chosen = int(predictions.answers[index] if label is None else label)
        if chosen >= len(choices):
            return []
        choice = Choice((np.arange(len(choices)),), chosen)
        made = Decision(str(choices[chosen]), index, "logits", (choice,))
        return [replace(made, role=choice_role(chosen), span=(0, len(str(choices[chosen]))))]

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of the text, which stand in every choice's tokens, and of each choice."""
        layout: ChoiceLayout = items.layout
        text = texts_at(rows, ("text",), item)[0]
        each = [
            words_of_tokens(
                self,
                (text, str(choice)),
                ("text", choice_role(number)),
                tokens_of(items, int(layout.starts[item]) + number),
            )
            for number, choice in enumerate(rows["choices"][item])
        ]
        return together(each, n_choices=layout.n_choices, side=self.padding_side)

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Give all choices of a row the same logit, (rows, choices)."""
        counts = np.array([len(cell) for cell in column_of(rows, "choices")])
        is_there = np.arange(self.target.n_outputs) < counts[:, None]
        return np.where(is_there, 0.0, NEVER).astype(np.float32)

    def to_json(self, answers: Array, index: int, rows: Rows) -> str:
        """Write the choice itself."""
        choices = rows["choices"][index]
        return str(choices[min(int(answers[index]), len(choices) - 1)])

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read choices back with their probabilities, which are rounded: ties follow the answer."""
        probabilities = np.array([one["probabilities"] for one in kept], dtype=float)
        answers = [
            max(
                (place for place, choice in enumerate(choices) if str(choice) == one["answer"]),
                key=shares.__getitem__,
            )
            for one, choices, shares in zip(kept, rows["choices"], probabilities, strict=True)
        ]
        return Predictions(
            np.array(answers), probabilities, np.log(np.maximum(probabilities, 1e-12))
        )

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 1
    ) -> JSON:
        """Return `{"label", "score"}` with the choice as label; a list unless `top_k` is 1."""
        choices = rows["choices"][index]
        probabilities = predictions.probabilities[index][: len(choices)]
        answers = best_first(choices, probabilities, top_k=top_k)
        return answers[0] if top_k == 1 else answers

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the best choice and its score."""
        best = answer[0] if isinstance(answer, list) else answer
        return {"prediction": best["label"], "score": f"{best['score']:.6g}"}


class MultipleChoice(TaskDefaults[MultipleChoiceOptions]):
    """A text, and endings or answers of which one is right."""

    Codec = MultipleChoiceCodec
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
    optional_columns: ClassVar[tuple[str, ...]] = ("question", "sent2")
    auto_model: ClassVar[str] = "AutoModelForMultipleChoice"
    baselines: ClassVar[tuple[str, ...]] = ("majority", "word-overlap", "from-scratch")
    windows: ClassVar[bool | None] = None
    main_metric: str = "accuracy"

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Read choices from columns of their own (`ending0`, `ending1` …) or from one cell.

        A `question` or `sent2`, which the recipe has to name, is put before each choice.
        """
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


def _choices(cell: object, where: str) -> list[str]:
    """Read a row's choices: a list (of mappings with `text`), such a mapping, or `one|another`."""
    cell = structure_of(cell)
    if isinstance(cell, Mapping):
        cell = cell["text"] if "text" in cell else [*cell.values()]
    if isinstance(cell, str):
        cell = [part.strip() for part in cell.split("|")]
    if not isinstance(cell, (list, tuple, np.ndarray)) or len(cell) == 0:
        raise DataError(
            f"The choices at {where} are no list.",
            received=repr(cell)[:80],
            hint='["one", "another"], or one|another in a table',
        )
    texts = [one.get("text") if isinstance(one, Mapping) else one for one in cell]
    return ["" if text is None else str(text) for text in texts]


def _which(value: object, choices: Sequence[str], where: str, *, first: int) -> int:
    """Return the index of the choice that a label names."""
    name = "" if is_missing(value) else label_name(value)
    for written in (str(value).strip(), name):
        if written in choices:
            return list(choices).index(written)
    number = LETTERS.find(name.lower()) if len(name) == 1 else -1
    if name.isdigit():
        number = int(name) - first
    if 0 <= number < len(choices):
        return number
    raise DataError(
        f"The label at {where} is none of the row's {len(choices)} choices.",
        received=repr(value),
        hint=f"a number from {first}, a letter from A, or the choice itself"
        + ("; task.options.first_number=1 if the first is 1" if name == str(len(choices)) else ""),
    )
