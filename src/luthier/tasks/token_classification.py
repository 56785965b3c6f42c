"""`token-classification`: a tag for every word (names of people and places, parts of speech).

Every word is answered by its first token. Long texts are read in windows, and each word is answered
by the window with most context around it. Entities are scored strictly: borders and type must be
right (Tjong Kim Sang & De Meulder 2003). Every gold tag counts, even if the model never saw it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.columns import Column
from luthier.declarations import JSON
from luthier.errors import DataError
from luthier.explanation import Decision, Words
from luthier.formats.label_cells import canonical_tags
from luthier.formats.marked_spans import Offsets
from luthier.formats.tagged_tokens import SENTENCE, SPANS, canonical, sentences
from luthier.items import ItemField, Items
from luthier.metrics.softmax import log_softmax
from luthier.metrics.spans import measure_spans, measure_tags, per_type
from luthier.objective import Objective
from luthier.padding import IGNORED
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Finding, Mistake
from luthier.task_types.defaults import (
    CodecDefaults,
    TaskDefaults,
    column_of,
    refuse_label_smoothing,
    texts_of,
)
from luthier.task_types.encode_inputs import items_of_windows
from luthier.task_types.entities import STRATEGIES, aggregate, errors_in_context
from luthier.task_types.explained_tags import TaggedWords, kind_of, usual_tag
from luthier.task_types.explained_texts import texts_at, words_of_texts
from luthier.task_types.label_ids import (
    ClassWeights,
    LabelNames,
    balanced_weights,
    ids_of,
    weigh,
)
from luthier.task_types.mistakes import mistaken_entities, mistaken_tags, sureness_of_tags
from luthier.task_types.token_outputs import Pieces, WordLayout, gather_pieces, label_pieces
from luthier.text.tags import may_follow, spans_of_tags
from luthier.text.viterbi import best_tags, worth_of
from luthier.text.windows import tokenize_windows

OUTSIDE = "O"
EMISSIONS = "what speaks for each tag alone, without the scores of tags that follow one another"


class TokenClassificationOptions(Section):
    """How tags are read, learned and chosen."""

    scheme: Literal["IOB1", "IOB2", "BILOU", "IOBES", "IO", "plain"] | None = Field(
        None, description="Tag scheme of the file; plain: tags that are no spans; null: detected."
    )
    offsets: Offsets = Field("characters", description="What the offsets of marked spans count.")
    constrained: bool = Field(
        False, description="Never give a tag that may not follow the one before."
    )
    crf: bool = Field(False, description="Learn which tag follows which (needs Luthier to read).")
    class_weights: ClassWeights = Field(
        None, description="`balanced`, or tag: weight; null: all weigh the same."
    )
    label_names: LabelNames = Field(
        None, description="Names of the tags that the rows number from 0; null: rows have names."
    )
    main_metric: Literal["f1", "macro_f1", "partial_f1", "token_accuracy"] | None = Field(
        None, description="Of the verdict; null: f1 of entities, token_accuracy of plain tags."
    )


@dataclass(frozen=True)
class TokenClassificationCodec(CodecDefaults[TokenClassificationOptions]):
    """A tag for every word: names, parts of speech."""

    @property
    def _has_entities(self) -> bool:
        return bool(self.task.has_entities(self.target.names))

    def gold(self, rows: Rows) -> Ragged:
        """Read tag ids, (words,) per row."""
        return Ragged.of(ids_of(column_of(rows, "tags"), self.target.names, rows, word="tag"))

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Tokenize the texts in windows; the first token of every word gets the word's label."""
        made = tokenize_windows(
            self.processor,
            texts_of(rows, "text"),
            max_tokens=self.limits.max_tokens,
            stride=self.limits.stride,
        )
        gold = self.gold(rows) if "tags" in rows else None
        words, labels = label_pieces(made, rows["words"], gold)
        targets = None if labels is None else ItemField(labels, IGNORED)
        layout = WordLayout(words, made.spans, made.owned())
        return items_of_windows(made, self.processor, targets, layout)

    def objective(self, gold: Ragged, *, label_smoothing: float) -> Objective:
        """Learn the tag of every word, or with a CRF the tags of the whole text."""
        if self.options.crf:
            refuse_label_smoothing(label_smoothing, "a CRF")
            return Objective("crf")
        balanced = balanced_weights(gold.values, self.target.n_outputs)
        return Objective(
            "token-cross-entropy",
            class_weights=weigh(self.options.class_weights, self.target.names, balanced),
            label_smoothing=label_smoothing,
        )

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Merge the windows' logits: each token comes from the window with most context."""
        n_words = np.array([len(words) for words in rows["words"]], dtype=np.int64)
        return gather_pieces(
            inferred["token-logits"], items, n_words, transitions=inferred.get("transitions")
        )

    def decode(self, outputs: Pieces) -> Predictions:
        """Choose a tag for every word, (words,) per row; -1 for words that the model never saw."""
        logits, is_seen = outputs.of_words()
        steps = outputs.transitions
        if self.options.constrained and self._has_entities:
            worth = worth_of(may_follow(self.target.names))
            steps = worth if steps is None else steps + worth
        if steps is None:
            tags = logits.values.argmax(axis=-1) if len(logits.values) else np.zeros(0, np.int64)
        else:
            worth_of_words = logits.values
            if outputs.transitions is None:
                worth_of_words = log_softmax(worth_of_words.astype(np.float64))
            tags = best_tags(Ragged(worth_of_words, logits.offsets), steps).values
        tags = np.where(is_seen, tags, -1)
        return Predictions(Ragged(tags, logits.offsets), None, outputs)

    def measure(self, gold: Ragged, predictions: Predictions) -> Measure:
        """Prepare the scores of entities, and of plain tags."""
        answers = predictions.answers
        of_tags = measure_tags(_lists(gold), _lists(answers))
        if not self._has_entities:
            return of_tags
        of_spans = measure_spans(self._spans(gold), self._spans(answers))

        def measure(weights: Array | None) -> dict[str, float]:
            accuracy = {"token_accuracy": of_tags(weights)["token_accuracy"]}
            return of_spans(weights) | accuracy

        return measure

    def _spans(self, tags: Ragged) -> list[list[tuple[int, int, str]]]:
        """Read entities from tag ids, row by row."""
        names = [*self.target.names, OUTSIDE]  # -1 is the last one
        return [
            spans_of_tags([names[tag] for tag in tags[row]], strict=True)
            for row in range(len(tags))
        ]

    def mistakes(self, gold: Ragged, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List entities that are missed or wrong; of plain tags, words with a wrong one."""
        answers = predictions.answers
        sureness = sureness_of_tags(predictions.outputs.of_words()[0], answers)
        if not self._has_entities:
            return mistaken_tags(gold, answers, self.target.names, sureness)
        return mistaken_entities(self._spans(gold), self._spans(answers), sureness, rows)

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
        """Explain every entity; of plain tags, every word that has a tag of its own."""
        names, tags = self.target.names, predictions.answers[index].tolist()
        if self._has_entities:
            found = self._spans(Ragged.of([tags]))[0]
        else:
            usual = usual_tag(predictions.answers, names)
            chosen = [n for n, tag in enumerate(tags) if tag not in (usual, -1)]
            found = [(n, n + 1, names[tags[n]]) for n in chosen]
        each = [TaggedWords(range(a, b), tags[a:b], kind, self._note) for a, b, kind in found]
        if label is not None:
            each = [one.labelled(label, names) for one in each]
        made = [one.decision(index, items, rows) for one in each]
        return [one for one in made if one is not None]

    def decisions_of_mistake(
        self,
        inferred: Mapping[str, Any],
        predictions: Predictions,
        mistake: Mistake,
        index: int,
        items: Items,
        rows: Rows,
        *,
        label: str | None = None,
    ) -> Sequence[Decision]:
        """Explain the tags of the words that have wrong ones, no entity among them."""
        words = mistake.words or range(0)
        tags = predictions.answers[index][words.start : words.stop].tolist()
        said = TaggedWords(words, tags, kind_of(tags, self.target.names), self._note)
        if label is not None:
            said = said.labelled(label, self.target.names)
        made = said.decision(index, items, rows)
        return [] if made is None else [made]

    @property
    def _note(self) -> str:
        return EMISSIONS if self.options.crf else ""

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Return the words that have tags."""
        row = int(items.rows[item])
        texts, given = texts_at(rows, ("text",), row), [rows["words"][row]]
        return words_of_texts(self, texts, ("text",), items, item, windowed=True, given=given)

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Pieces:
        """Give every tag the same logit."""
        n_words = np.array([len(words) for words in rows["words"]], dtype=np.int64)
        nothing = np.zeros((int(n_words.sum()), self.target.n_outputs), dtype=np.float32)
        return Pieces.of_each_word(nothing, n_words)

    def to_json(self, answers: Ragged, index: int, rows: Rows) -> Any:
        """Write the tag of every word."""
        names = [*self.target.names, OUTSIDE]
        return [names[tag] for tag in answers[index]]

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read the tags of every word back."""
        tags = self.gold(Rows.of({"tags": [one["answer"] for one in kept]}))
        return Predictions(tags, None, Pieces.of_each_word(np.zeros((0, 0)), tags.lengths * 0))

    def answer(
        self,
        predictions: Predictions,
        index: int,
        rows: Rows,
        *,
        aggregation_strategy: str = "words",
    ) -> list[dict[str, Any]]:
        """List the entities found, with their characters and scores.

        Args:
            predictions: Predictions of all rows.
            index: Index of the row to answer.
            rows: The rows.
            aggregation_strategy: How tokens become entities: `none` lists every token; `simple`,
                `first`, `average` and `max` are as in `transformers.pipeline`; `words` gives the
                entities that are scored.
        """
        if aggregation_strategy not in STRATEGIES:
            raise DataError(
                "There is no such aggregation strategy.",
                received=f"aggregation_strategy={aggregation_strategy}",
                hint=f"one of: {', '.join(STRATEGIES)}",
            )
        return aggregate(
            predictions,
            index,
            rows,
            self.target,
            strategy=aggregation_strategy,
            has_entities=self._has_entities,
        )

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Put the entities in one cell, as JSON."""
        return {"prediction": answer}

    def by_label(
        self, gold: Ragged, predictions: Predictions
    ) -> tuple[Sequence[str], Callable[[Array | None], Array]] | None:
        """Prepare precision, recall, F1 and support of every type of entity."""
        if not self._has_entities:
            return None
        return per_type(self._spans(gold), self._spans(predictions.answers))

    def error_analysis(self, gold: Ragged, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Show entities in context, errors by kind."""
        if not self._has_entities:
            return {}
        truth, found = self._spans(gold), self._spans(predictions.answers)
        return {"entities": errors_in_context(truth, found, rows)}


class TokenClassification(TaskDefaults[TokenClassificationOptions]):
    """A tag for every word: names, parts of speech."""

    Codec = TokenClassificationCodec
    name: ClassVar[str] = "token-classification"
    hub_task: ClassVar[str] = "token-classification"
    unit: ClassVar[str] = "token"
    kind: ClassVar[str] = "tags"
    Options = TokenClassificationOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "tokens", "words", "sentence")),
        Column("tags", "tags", ("tags", "ner_tags", "labels", "pos_tags", "spans", "entities")),
    )
    alternative_columns: ClassVar[tuple[str, ...]] = ("tokens", *SPANS, SENTENCE)
    auto_model: ClassVar[str] = "AutoModelForTokenClassification"
    windows: ClassVar[bool | None] = True
    validation_kind: str = "token-logits"
    baselines: ClassVar[tuple[str, ...]] = ("most-frequent-tag", "gazetteer", "crf")

    def __init__(self, options: TokenClassificationOptions):
        self.options = options
        self.crf: bool = options.crf
        plain = options.scheme == "plain"
        self.main_metric: str = options.main_metric or ("token_accuracy" if plain else "f1")

    def codec(self, target: Target, *given: Any, **named: Any) -> TokenClassificationCodec:
        """Bind the task; plain tags have no entities to be scored by."""
        bound = copy(self)
        if self.options.main_metric is None and not self.has_entities(target.names):
            bound.main_metric = "token_accuracy"
        return TokenClassificationCodec(bound, target, *given, **named)

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise words and tags, or texts and spans; tags become IOB2."""
        rows = self.gather(rows)
        if self.options.label_names is not None:
            rows = canonical_tags(rows, self.answer_columns, self.options.label_names)
        return canonical(rows, scheme=self.options.scheme, offsets=self.options.offsets)

    def gather(self, rows: Rows) -> Rows:
        """Make a row of each sentence, where each row is a word."""
        return sentences(rows)

    def has_entities(self, names: Collection[str]) -> bool:
        """Return whether tags mark entities, rather than single words."""
        is_span = all(tag == OUTSIDE or tag[:2] in ("B-", "I-") for tag in names)
        return is_span and self.options.scheme != "plain"

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """The columns of tags, and of the spans that tags can be made of."""
        return ("tags", *SPANS)

    def learn_target(self, rows: Rows) -> Target:
        """Learn the tags that occur: O first, then both tags of every entity type."""
        seen = {tag for cell in column_of(rows, "tags") for tag in cell}
        if len(seen - {OUTSIDE}) == 0:
            raise DataError(
                "There is nothing to find: no word of the training rows has a tag.",
                received=f"{len(rows)} rows of {', '.join(rows.files)}",
                hint="data.columns.tags=the column with the tags",
            )
        if not self.has_entities(seen):
            return Target(self.kind, tuple(sorted(seen)))
        types = sorted({tag[2:] for tag in seen if tag != OUTSIDE})
        return Target(self.kind, (OUTSIDE, *(f"{part}-{name}" for name in types for part in "BI")))

    @staticmethod
    def toy_rows() -> Rows:
        """Make 84 sentences in which people go to places that have the names of people."""
        names = ("Paris", "Sydney", "Florence", "Austin", "New Orleans", "San Jose", "Chelsea")
        tokens, tags = [], []
        for n in range(84):
            who, where = names[n % 7].split(), names[(n + 1 + n // 7 % 6) % 7].split()
            person = ["B-PER", *["I-PER"] * (len(who) - 1)]
            place = ["B-LOC", *["I-LOC"] * (len(where) - 1)]
            if n % 3:
                tokens.append(["On", "day", str(n), *who, "went", "to", *where, "."])
                tags.append(["O", "O", "O", *person, "O", "O", *place, "O"])
            else:
                tokens.append(["In", *where, "lives", *who, "!"])
                tags.append(["O", *place, "O", *person, "O"])
        return Rows.of({"tokens": tokens, "tags": tags}, name="toy")


def _lists(tags: Ragged) -> list[list[int]]:
    return [tags[row].tolist() for row in range(len(tags))]
