"""Explains rows: encodes and answers them, lists what was decided, and attributes it to words.

What is explained is what is predicted: the outputs that an explanation starts from are compared
with those that the answer was made of, for every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.errors import DataError, ModelError, suggestion
from luthier.explaining.reader import TorchReader, replacement_of
from luthier.explanation import Decision, Explainer, Explanation, Words
from luthier.hf_types import Model
from luthier.items import Items
from luthier.ragged import Array
from luthier.records import Predictions, Rows
from luthier.registry import find, names
from luthier.task_types.explained_texts import cut_note, texts_at
from luthier.training.listeners import follow
from luthier.training.predict import infer_kinds

AS_PREDICTED = 1e-5  # how far outputs may be from those of the answer, relative to the largest
PREDICTED, GOLD = "predicted", "gold"
DEFAULT = "integrated-gradients"


@dataclass(frozen=True)
class Answered:
    """Rows with their answers, ready to be explained.

    Args:
        model: The model.
        codec: The codec.
        rows: The rows.
        items: The encoded rows.
        inferred: What was inferred for the items, by kind.
        predictions: The answers.
        gold: The gold answers; None where the rows have none.
    """

    model: Model
    codec: Codec
    rows: Rows
    items: Items
    inferred: Mapping[str, Any]
    predictions: Predictions
    gold: Any = None

    def decisions(self, index: int, target: str = PREDICTED) -> list[Decision]:
        """List what was decided for a row.

        Args:
            index: The row.
            target: `predicted`, `gold` (what should have been answered), or a label.

        Raises:
            DataError: There is no such label, or there are no gold answers.
        """
        label, predictions = None, self.predictions
        if target == GOLD:
            if self.gold is None:
                raise DataError(
                    "There is no gold answer to explain.",
                    received=f"--target {GOLD}, for {self.rows.where(index)}",
                    hint=f"--target {PREDICTED}",
                )
            predictions = Predictions(self.gold, None, self.predictions.outputs)
        elif target != PREDICTED:
            label = known_label(target, self.codec)
        made = self.codec.decisions(self.inferred, predictions, index, self.items, label=label)
        return list(made)

    def reader(self, decision: Decision) -> TorchReader:
        """Make a reader of one decision.

        Raises:
            ModelError: The model's outputs are not those that the answer was made of.
        """
        chosen = np.array([decision.item])
        batch = self.codec.batch(self.items, chosen, kind=decision.kind)
        words = self.codec.words(self.items, decision.item, self.rows)
        replacement = replacement_of(self.codec.processor)
        made = TorchReader(self.model, batch.inputs, decision, words, replacement)
        refuse_other_outputs(made.values(), self.inferred[decision.kind][decision.item])
        return made

    def explain(self, decision: Decision, explainer: Explainer) -> Explanation:
        """Attribute one decision to the words of its item.

        Raises:
            DataError: The item has no words.
            ModelError: The explainer needs gradients, and the model has none.
        """
        row = int(self.items.rows[decision.item])
        words = self.codec.words(self.items, decision.item, self.rows)
        self.refuse_unread(words, decision.item)
        if explainer.needs_gradients:
            refuse_no_gradients(self.model, explainer.name)
        reader = self.reader(decision)
        answer = self.codec.to_json
        return Explanation(
            decision,
            explainer.name,
            dict(zip(self.roles, texts_at(self.rows, self.roles, row), strict=True)),
            words,
            explainer.explain(reader),
            reader.replacement.name,
            self.rows.where(row),
            answer(self.predictions.answers, row, self.rows),
            None if self.gold is None else answer(self.gold, row, self.rows),
            tuple(note for note in (decision.note, cut_note(self.items, row)) if note),
        )

    def refuse_unread(self, words: Words, item: int) -> None:
        """Refuse an item without words, or of words that the model does not know.

        Raises:
            NothingReadError: It is one.
        """
        ids: Any = self.items.inputs["input_ids"].values
        read = {int(one) for one in np.ravel(ids[item])[np.ravel(words.of_tokens) >= 0]}
        if read - {*self.codec.processor.all_special_ids}:
            return
        why = "none of its words is known to the model" if read else "no word was read"
        text = " ".join(texts_at(self.rows, self.roles, int(self.items.rows[item])))
        raise NothingReadError(
            f"There is nothing to explain: {why}.",
            received=f"{text[:80]!r}, {self.rows.where(int(self.items.rows[item]))}",
            hint="a text with words in the language of the model",
        )

    @property
    def roles(self) -> tuple[str, ...]:
        """The columns that the model reads."""
        roles: tuple[str, ...] = self.codec.task.input_roles
        return roles


class NothingReadError(DataError):
    """A row has no word that the model reads."""


class Explanations(tuple[Explanation, ...]):
    """The explained decisions of one row; a notebook draws them."""

    __slots__ = ()

    def to_json(self) -> list[dict[str, Any]]:
        """Describe them as JSON."""
        return [one.to_json() for one in self]

    def _repr_html_(self) -> str:
        """Draw them, for notebooks."""
        from luthier.report.explanations import draw

        return draw(self.to_json())


def answer_rows(
    model: Model, codec: Codec, rows: Rows, *, batch_size: int, gold: Any = None
) -> Answered:
    """Encode rows and answer them, so that they can be explained.

    Args:
        model: The trained model.
        codec: The codec.
        rows: The rows, without answers.
        batch_size: Number of items of 64 tokens in a batch.
        gold: The gold answers; None where there are none.
    """
    model.eval()
    items = codec.encode(rows)
    kinds = codec.inference_kinds(answering=True)
    steps = infer_kinds(model, items, codec, batch_size=batch_size, kinds=kinds)
    inferred = follow(steps, lambda info: None)
    predictions = codec.decode(codec.outputs(inferred, items, rows))
    return Answered(model, codec, rows, items, inferred, predictions, gold)


def explain_rows(
    answered: Answered,
    *,
    by: str = DEFAULT,
    target: str = PREDICTED,
    on_unread: Callable[[str], None] | None = None,
) -> Iterator[Explanations]:
    """Explain rows one by one: every decision of each.

    Args:
        answered: The rows.
        by: Name of the explainer.
        target: `predicted`, `gold`, or a label.
        on_unread: Is told of rows without a word to explain, which have no explanations; None
            refuses them.

    Raises:
        RecipeError: There is no such explainer.
        DataError: A row has nothing to explain; see `Answered.decisions`.
    """
    explainer = make_explainer(by)
    for index in range(len(answered.rows)):
        explained = Explanations()
        try:
            decisions = answered.decisions(index, target)
            explained = Explanations(answered.explain(one, explainer) for one in decisions)
        except NothingReadError as problem:
            if on_unread is None:
                raise
            on_unread(f"{problem.problem} {problem.received}")
        yield explained


def make_explainer(name: str) -> Explainer:
    """Make an explainer with its usual options.

    Raises:
        RecipeError: There is none of this name.
    """
    made = find("explainers", name)
    explainer: Explainer = made(made.Options())
    return explainer


def known_label(label: str, codec: Codec) -> str:
    """Return a label that the task knows.

    Raises:
        DataError: It knows no such label.
    """
    known = codec.target.names
    if label in known:
        return label
    raise DataError(
        f"There is no label '{label}' to explain.",
        received=f"--target {label}",
        hint=suggestion(label, (*known, PREDICTED, GOLD)),
    )


def refuse_no_gradients(model: Model, name: str) -> None:
    """Refuse an explainer that needs gradients where a model has none.

    Raises:
        ModelError: The head looks up stored rows, or weights are integers.
    """
    has_neighbours = hasattr(getattr(model, "classifier", None), "keys")
    are_floats = all(one.is_floating_point() for one in model.parameters())
    if has_neighbours or not are_floats:
        without = [
            one for one in names("explainers") if not find("explainers", one).needs_gradients
        ]
        raise ModelError(
            f"{name} needs gradients, which this model does not have: "
            + ("it looks up stored rows." if has_neighbours else "its weights are integers."),
            received=f"--by {name}",
            hint=f"--by {without[0]}",
        )


def refuse_other_outputs(found: Array, expected: Any) -> None:
    """Refuse to explain other outputs than those that the answer was made of.

    Raises:
        ModelError: They differ by more than rounding.
    """
    wanted = np.asarray(expected, dtype=np.float64)
    is_real = np.isfinite(wanted)
    difference = float(np.abs(found - wanted)[is_real].max(initial=0.0))
    if difference > AS_PREDICTED * max(1.0, float(np.abs(wanted[is_real]).max(initial=0.0))):
        raise ModelError(
            "The model that would be explained does not answer as the one that predicts.",
            received=f"outputs that differ by {difference:.2g}",
            hint="report this as a bug, with the recipe; --by occlusion may be affected too",
        )
