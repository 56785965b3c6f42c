"""Tasks that answer a text with a text: an encoder reads, a decoder writes.

During training, validation rows are scored by the perplexity of the reference texts, which is
cheap; the verdict scores texts that the model writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from pydantic import Field

from luthier.codec import LOSS
from luthier.data.cells import structure_of
from luthier.data.labels import is_missing
from luthier.declarations import JSON
from luthier.explanation import Decision, Words
from luthier.hf_types import Tokenizer
from luthier.inputs.text import token_fields
from luthier.items import Batch, ItemField, Items, Truncation
from luthier.metrics.generation import all_of, sentence_chrf
from luthier.metrics.language import measure_language
from luthier.objective import Objective
from luthier.padding import IGNORED, pad
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Outputs, Predictions, Rows, Target
from luthier.results import Finding, Mistake
from luthier.task_types.defaults import CodecDefaults, TaskDefaults, texts_of
from luthier.task_types.explained_texts import texts_at, tokens_of, words_of_tokens
from luthier.task_types.mistakes import mistaken_texts
from luthier.task_types.written import without_prefix, written_decisions
from luthier.text.tokenize import tokenize

MOST_SHOWN = 200
REFERENCES = "reference texts"  # the column of all of a row's, where rows have several
LISTED = (list, tuple, np.ndarray, Mapping)
LONGEST_SHOWN = 1500


class GenerationOptions(Section):
    """Options of tasks that write texts; those of `generate` have its names."""

    source_prefix: str = Field("", description="Put before every text, as T5 expects.")
    max_target_tokens: int = Field(
        128, ge=2, description="Tokens kept of a reference text, and the most that are written."
    )
    num_beams: int = Field(4, ge=1, le=100, description="Beams of the search; 1: greedy.")
    length_penalty: float = Field(1.0, description="Above 0 favours longer texts.")
    no_repeat_ngram_size: int = Field(0, ge=0, description="No run of so many tokens twice.")


OptionsT = TypeVar("OptionsT", bound=GenerationOptions)


@dataclass(frozen=True)
class Seq2SeqCodec(CodecDefaults[OptionsT]):
    """Outputs are the texts that the model writes or, on validation rows, likelihoods."""

    targets_for: ClassVar[frozenset[str]] = frozenset({LOSS, "decoder-log-likelihood"})

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Generate, for the verdict and for new rows."""
        return ("generate",)

    def gold(self, rows: Rows) -> Array:
        """Read the reference texts, (rows,): a text, or a tuple where rows have several."""
        if REFERENCES in rows:
            return as_array(rows[REFERENCES])
        return as_array(texts_of(rows, str(self.task.answer_role)))

    def tokenizer(self) -> Tokenizer:
        """Return the processor, set to the languages that the task is about."""
        tokenizer: Tokenizer = self.processor
        return tokenizer

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Tokenize the sources and, where the rows have them, the reference texts."""
        tokenizer = self.tokenizer()
        sources = [self.options.source_prefix + text for text in texts_of(rows, "text")]
        ids, full = tokenize(tokenizer, sources, max_tokens=self.limits.max_tokens)
        fields, cost = token_fields(ids, tokenizer), ids["input_ids"].lengths
        role = str(self.task.answer_role)
        if role not in rows:
            return Items(fields, None, cost, full)
        most = min(self.options.max_target_tokens, self.limits.max_tokens)
        targets, n_tokens = tokenize_targets(tokenizer, texts_of(rows, role), max_tokens=most)
        fix = "task.options.max_target_tokens"
        truncation = Truncation("target-cut-off", role, fix, n_tokens, targets.lengths)
        target_field = ItemField(targets, IGNORED)
        return Items(fields, target_field, cost, full, truncations=(truncation,))

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Pad the sources on the tokenizer's side, the reference texts on the right."""
        batch = super().batch(items, chosen, kind=kind, epoch=epoch)
        if batch.targets is None or self.padding_side == "right":
            return batch
        padded = pad({"targets": items.targets}, chosen)  # type: ignore[dict-item]
        return replace(batch, targets=padded["targets"])

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Learn the next token of the reference text."""
        return Objective("sequence-to-sequence", label_smoothing=label_smoothing)

    def generation(self) -> Mapping[str, Any]:
        """Search with beams, for at most as many tokens as reference texts may have."""
        return {
            "max_new_tokens": min(self.options.max_target_tokens, self.limits.max_tokens),
            "num_beams": self.options.num_beams,
            "length_penalty": self.options.length_penalty,
            "no_repeat_ngram_size": self.options.no_repeat_ngram_size,
            "early_stopping": self.options.num_beams > 1,
        }

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Decode the written texts, (rows,), or return the statistics of validation, (rows, 3)."""
        if "generate" not in inferred:
            return inferred[self.task.validation_kind].reshape(-1, 3)
        return written_texts(inferred["generate"], self.processor)

    def decode(self, outputs: Outputs) -> Predictions:
        """Return the texts unchanged."""
        return Predictions(outputs, None, outputs)

    def mistakes(self, gold: Array, predictions: Predictions, rows: Rows) -> Sequence[Mistake]:
        """List the written texts, those least like their references first."""
        return mistaken_texts(sentence_chrf(list(gold), list(predictions.answers)))

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
        """Explain every token that was written."""
        return written_decisions(inferred["generate"][index], self.processor, index)

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of the source, without what is put before every text."""
        prefix, text = self.options.source_prefix, texts_at(rows, ("text",), item)[0]
        self.tokenizer()  # sets the languages, which bring tokens of their own
        ids = tokens_of(items, item)
        return without_prefix(words_of_tokens(self, [prefix + text], ["text"], ids), len(prefix))

    def validation_scores(self, outputs: Outputs, gold: Array) -> dict[str, float]:
        """Measure the perplexity of the reference texts."""
        return measure_language(outputs)(None)

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Return empty texts, or statistics without information for validation."""
        if validation:
            return np.tile([-1.0, 1.0, 0.0], (len(rows), 1))
        return as_array([""] * len(rows))

    def to_json(self, answers: Array, index: int, rows: Rows) -> JSON:
        """Write a text, or a list of references."""
        texts = all_of(answers[index])
        return list(texts) if len(texts) > 1 else texts[0]

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read texts back."""
        return self.decode(as_array([one["answer"] for one in kept]))

    def answer(self, predictions: Predictions, index: int, rows: Rows) -> dict[str, Any]:
        """Return the text under the key of the task's Transformers pipeline."""
        return {self.task.answer_key: str(predictions.answers[index])}

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the text."""
        return {"prediction": answer[self.task.answer_key]}

    def error_analysis(self, gold: Array, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Show texts beside their sources and references, the least similar first."""
        sources = texts_of(rows, "text")
        return {"generations": set_side_by_side(sources, gold, predictions.answers, rows)}


class Seq2Seq(TaskDefaults[OptionsT]):
    """A task that reads a text and writes another."""

    Codec = Seq2SeqCodec
    unit: ClassVar[str] = "generation"
    kind: ClassVar[str] = "text"
    auto_model: ClassVar[str] = "AutoModelForSeq2SeqLM"
    windows: ClassVar[bool | None] = None
    wraps_single: ClassVar[bool] = True
    answer_key: ClassVar[str]
    validation_kind: str = "decoder-log-likelihood"

    @property
    def validation_metric(self) -> str:
        """Use perplexity during training: generating takes longer than training."""
        return "perplexity"

    def learn_target(self, rows: Rows) -> Target:
        """Texts have no labels."""
        return Target(self.kind, ())

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Take cells with several references apart: the first is learned, all are scored."""
        role = str(self.answer_role)
        cells = _cells(rows[role]) if role in rows else []
        if not any(isinstance(cell, LISTED) for cell in cells):
            return rows, []
        references = [_references(cell) for cell in cells]
        columns = {**rows.columns, role: [texts[0] if texts else "" for texts in references]}
        columns[REFERENCES] = references
        n_several = sum(len(texts) > 1 for texts in references)
        message = (
            f"{n_several} of {len(rows)} rows have several reference texts: scores use all of "
            "them, training the first."
        )
        found = [Finding("several-references", "note", message, n_several)] if n_several else []
        return Rows(columns, rows.files, rows.file_of, rows.lines), found


def _cells(cells: Sequence[object]) -> Sequence[object]:
    """Read lists that are written as text, if all cells are lists: a text may have brackets."""
    if not any(isinstance(cell, str) and cell.lstrip().startswith("[") for cell in cells):
        return cells
    read = [structure_of(cell) for cell in cells]
    are_lists = all(isinstance(cell, list) or is_missing(cell) for cell in read)
    return read if are_lists else cells


def _references(cell: object) -> tuple[str, ...]:
    """Read the reference texts of a cell, without empty ones."""
    texts: Iterable[object] = [cell]
    if isinstance(cell, LISTED):
        texts = cell.values() if isinstance(cell, Mapping) else cell
    return tuple(str(text) for text in texts if not is_missing(text))


def tokenize_targets(
    tokenizer: Tokenizer, texts: Sequence[str], *, max_tokens: int
) -> tuple[Ragged, Array]:
    """Return the kept tokens of reference texts, and each text's full token count, (rows,)."""
    if not texts:
        return Ragged.of([]), np.zeros(0, dtype=np.int64)
    ids = tokenizer(text_target=list(texts), verbose=False)["input_ids"]
    full = np.array([len(one) for one in ids], dtype=np.int64)
    long = np.flatnonzero(full > max_tokens).tolist()
    if long:  # cut by the tokenizer, which keeps its special tokens
        shown = [texts[row] for row in long]
        cut = tokenizer(text_target=shown, truncation=True, max_length=max_tokens, verbose=False)
        for row, kept in zip(long, cut["input_ids"], strict=True):
            ids[row] = kept
    return Ragged.of(ids), full


def set_side_by_side(
    sources: Sequence[str], gold: Array, answers: Array, rows: Rows
) -> dict[str, Any]:
    """List sources, references and answers by the chrF of each answer, the lowest first."""
    alike = sentence_chrf(list(gold), list(answers))
    counts, edges = np.histogram(alike, bins=20, range=(0, 100))
    shown = [
        {
            "where": rows.where(int(index)),
            "source": sources[index][:LONGEST_SHOWN],
            "gold": " | ".join(all_of(gold[index]))[:LONGEST_SHOWN],
            "answer": str(answers[index])[:LONGEST_SHOWN],
            "chrf": float(alike[index]),
        }
        for index in np.argsort(alike, kind="stable")[:MOST_SHOWN]
    ]
    histogram = {"edges": edges.tolist(), "counts": counts.tolist()}
    return {"rows": shown, "n": len(rows), "histogram": histogram}


def written_texts(ids: Ragged, tokenizer: Tokenizer) -> Array:
    """Decode the token ids that a model wrote, (rows,)."""
    written = [ids[row].tolist() for row in range(len(ids))]
    return as_array(
        [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
    )


def as_array(texts: Sequence[Any]) -> Array:
    """Make an array of objects, (rows,)."""
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made
