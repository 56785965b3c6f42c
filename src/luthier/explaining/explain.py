"""Explains rows: encodes and answers them, lists what was decided, and attributes it to words.

What is explained is what is predicted: the outputs that an explanation starts from are compared
with those that the answer was made of, for every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from luthier.codec import Codec
from luthier.columns import Input
from luthier.errors import DataError, ModelError, nearest, suggestion
from luthier.explaining.as_predicted import compare, is_int8
from luthier.explaining.parts import PartsReader
from luthier.explaining.passages import Passage
from luthier.explaining.reader import TorchReader
from luthier.explaining.variants import replacement_of
from luthier.explanation import Decision, Explainer, Explanation
from luthier.hf_types import Model
from luthier.items import Items
from luthier.records import Predictions, Rows
from luthier.registry import find, names
from luthier.results import Mistake
from luthier.task_types.explained_texts import cut_note, texts_at
from luthier.training.listeners import follow
from luthier.training.predict import infer_kinds

PREDICTED, GOLD = "predicted", "gold"
WRITTEN_KINDS = ("text", "language")  # of targets without labels
OWN_WORDS = ("tags", "answer")  # kinds whose answers are words of the text
HIDDEN = "its own words are hidden: what stands around them speaks alone"
DEFAULT = "integrated-gradients"
AT_ONCE = 32  # rows without one part each that are asked together


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

    def decisions(
        self, index: int, target: str = PREDICTED, mistake: Mistake | None = None
    ) -> list[Decision]:
        """List what was decided for a row.

        Args:
            index: The row.
            target: `predicted`, `gold` (what should have been answered), or a label.
            mistake: What was wrong with its answer; then only that is listed.

        Raises:
            DataError: There is no such label, or there are no gold answers.
        """
        codec, predictions = self.codec, self.predictions
        label = None if target in (PREDICTED, GOLD) else known_label(target, codec)
        if target == GOLD:
            predictions = self._as_it_should_be(index)
        where = (index, self.items, self.rows)
        if mistake is None:
            return list(codec.decisions(self.inferred, predictions, *where, label=label))
        made = codec.decisions_of_mistake(self.inferred, predictions, mistake, *where, label=label)
        return [
            replace(one, note="; ".join(filter(None, (mistake.said, one.note)))) for one in made
        ]

    def _as_it_should_be(self, index: int) -> Predictions:
        """Return the gold answers in place of the predicted ones.

        Raises:
            DataError: There are none, or they are texts.
        """
        if self.codec.target.kind in WRITTEN_KINDS:
            raise DataError(
                "What a model writes is explained as it wrote it.",
                received=f"--target {GOLD}",
                hint=f"--target {PREDICTED}",
            )
        if self.gold is None:
            raise DataError(
                "There is no gold answer to explain.",
                received=f"--target {GOLD}, for {self.rows.where(index)}",
                hint=f"--target {PREDICTED}",
            )
        return Predictions(self.gold, None, self.predictions.outputs)

    def passage(self, decision: Decision) -> Passage:
        """Return what the model had read when it decided.

        Raises:
            NothingReadError: That was no word, or none that the model knows.
        """
        batch = self.codec.batch(self.items, np.array([decision.item]), kind=decision.kind)
        words = self.codec.words(self.items, decision.item, self.rows)
        written = self.inferred[decision.kind][decision.item]
        read = Passage(batch.inputs, words)
        made = read.followed_by(written, decision, self.codec.processor, self.model)
        ids = {*made.ids[made.words.of_tokens >= 0].tolist()}
        if not ids - {*self.codec.processor.all_special_ids}:
            why = "none of its words is known to the model" if ids else "no word was read"
            raise self.nothing_read(why, decision)
        return made

    def reader(self, decision: Decision, *, as_predicted: bool = True) -> TorchReader | PartsReader:
        """Make a reader of one decision.

        Args:
            decision: The decision.
            as_predicted: Whether the model has to answer as it did; not if its weights are others.

        Raises:
            NothingReadError: There is no word that the decision could follow from.
            ModelError: The model's outputs are not those that the answer was made of.
        """
        if other_inputs(self.codec):
            return self.reader_of_parts(decision, as_predicted=as_predicted)
        passage = self.passage(decision)
        replacement = replacement_of(self.codec.processor)
        made = TorchReader(self.model, passage, decision, replacement)
        if as_predicted:
            expected = self.inferred[decision.kind][decision.item]
            made.note = compare(made.values, expected, decision, self.model)
        if not decision.is_hidden:
            return made
        hidden = passage.hiding(decision, replacement.token)
        if len(hidden.words) == 0:
            raise self.nothing_read("no other word was read", decision)
        return TorchReader(self.model, hidden, decision, replacement, made.note)

    def reader_of_parts(self, decision: Decision, *, as_predicted: bool) -> PartsReader:
        """Make a reader of a decision on a row of more than texts."""

        def infer(rows: Rows, kind: str) -> Any:
            items = self.codec.encode(rows)
            steps = infer_kinds(self.model, items, self.codec, batch_size=AT_ONCE, kinds=(kind,))
            return follow(steps, lambda info: None)[kind]

        row = self.rows.take([int(self.items.rows[decision.item])])
        made = PartsReader(self.codec, row, decision, infer)
        if as_predicted:
            expected = self.inferred[decision.kind][decision.item]
            made.note = compare(made.values, expected, decision, self.model)
        return made

    def explain(self, decision: Decision, explainer: Explainer) -> Explanation:
        """Attribute one decision to the words of its item.

        Raises:
            NothingReadError: There is no word that the decision could follow from.
            ModelError: The explainer needs gradients, and the model has none.
        """
        if explainer.needs_gradients:
            refuse_no_words(self.codec, explainer.name)
            refuse_no_gradients(self.model, explainer.name)
        row = int(self.items.rows[decision.item])
        reader = self.reader(decision)
        hidden = HIDDEN if decision.is_hidden and decision.span else ""
        notes = (decision.note, hidden, reader.note, cut_note(self.items, row))
        answer = self.codec.to_json
        return Explanation(
            decision,
            explainer.name,
            reader.words.texts,
            reader.words,
            explainer.explain(reader),
            reader.replacement.name,
            self.rows.where(row),
            answer(self.predictions.answers, row, self.rows),
            None if self.gold is None else answer(self.gold, row, self.rows),
            tuple(note for note in notes if note),
        )

    def nothing_read(self, why: str, decision: Decision) -> NothingReadError:
        """Make the error that a decision follows from no word."""
        row = int(self.items.rows[decision.item])
        text = " ".join(texts_at(self.rows, self.roles, row))
        return NothingReadError(
            f"There is nothing to explain: {why}.",
            received=f"{text[:80]!r}, {self.rows.where(row)}",
            hint="a text with words that the model knows: a sentence in its language",
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
    context_only: bool = False,
    mistakes: Sequence[Mistake] = (),
    on_unread: Callable[[str], None] | None = None,
) -> Iterator[Explanations]:
    """Explain rows one by one: every decision of each.

    Args:
        answered: The rows.
        by: Name of the explainer.
        target: `predicted`, `gold`, or a label.
        context_only: Whether the decision's own words (those of an entity, or of an answer) are
            hidden throughout: what stands around them then speaks alone.
        mistakes: What was wrong in each row, where that alone is explained.
        on_unread: Called with the rows without a word to explain, which have no explanations;
            None refuses them.

    Raises:
        RecipeError: There is no such explainer.
        DataError: A row has nothing to explain; see `Answered.decisions`. Or answers have no
            words to hide.
    """
    explainer = make_explainer(by)
    if context_only:
        refuse_no_own_words(answered.codec)
    for index, mistake in zip_longest(range(len(answered.rows)), mistakes):
        explained = Explanations()
        try:
            decisions = answered.decisions(index, target, mistake)
            explained = Explanations(
                answered.explain(replace(one, is_hidden=context_only), explainer)
                for one in decisions
            )
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


def other_inputs(codec: Codec) -> list[str]:
    """List the columns of a task that have no words, such as images, with their kinds."""
    task = codec.task
    read = [column for column in task.columns if column.role in task.input_roles]
    others = [column for column in read if not has_words(find("inputs", column.kind))]
    return [f"{column.role} ({column.kind})" for column in others]


def has_words(kind: type[Input]) -> bool:
    """Return whether cells of a kind of input are read word by word."""
    return bool(getattr(kind, "has_words", kind.is_text))


def refuse_no_words(codec: Codec, name: str) -> None:
    """Refuse what is about words where inputs have none; their parts can be left out in turn.

    Raises:
        DataError: The task reads images, sounds, numbers or categories.
    """
    if others := other_inputs(codec):
        raise DataError(
            f"{name} asks for words, which not all inputs of this task have.",
            received=f"{codec.task.name}, which reads {', '.join(others)}",
            hint="--by occlusion",
        )


def refuse_no_own_words(codec: Codec) -> None:
    """Refuse to hide the words of answers that are no words of the text.

    Raises:
        DataError: They are none.
    """
    if codec.target.kind not in OWN_WORDS:
        raise DataError(
            "Only entities and answers have words of their own in the text, which can be hidden.",
            received=f"--context-only, for {codec.task.name}",
            hint="leave it out",
        )


def known_label(label: str, codec: Codec) -> str:
    """Return a label that the task knows.

    Raises:
        DataError: It knows no such label.
    """
    known = codec.target.names
    if label in known:
        return label
    close = nearest(label, (*known, PREDICTED, GOLD))
    raise DataError(
        f"There is no label '{label}' to explain.",
        received=f"--target {label}",
        hint=f"--target {close}" if close else suggestion(label, (*known, PREDICTED, GOLD)),
    )


def refuse_no_gradients(model: Model, name: str) -> None:
    """Refuse an explainer that needs gradients where a model has none.

    Raises:
        ModelError: The head looks up stored rows, or weights are integers.
    """
    has_neighbours = hasattr(getattr(model, "classifier", None), "keys")
    if has_neighbours or is_int8(model):
        without = [
            one for one in names("explainers") if not find("explainers", one).needs_gradients
        ]
        raise ModelError(
            f"{name} needs gradients, which this model does not have: "
            + ("it looks up stored rows." if has_neighbours else "its weights are integers."),
            received=f"--by {name}",
            hint=f"--by {without[0]}",
        )
