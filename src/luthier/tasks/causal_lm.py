"""`causal-lm`: texts to continue, or instructions and conversations to answer.

Plain texts are packed into full blocks in which no text attends to another. In conversations only
the last answer is learned; the model also writes its own, which is compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.codec import LOSS
from luthier.columns import Column
from luthier.declarations import JSON
from luthier.explanation import Decision, Words
from luthier.formats.chat_messages import ANSWERS, CONVERSATIONS, INSTRUCTIONS, Messages, canonical
from luthier.formats.chat_prompts import spell_prompt
from luthier.hf_types import Tokenizer
from luthier.items import Batch, ItemField, Items, Truncation
from luthier.metrics.generation import measure_written
from luthier.metrics.language import measure_language
from luthier.padding import IGNORED, pad
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Measure, Outputs, Predictions, Rows, Target
from luthier.results import Finding
from luthier.task_types.defaults import texts_of
from luthier.task_types.explained_texts import texts_at
from luthier.task_types.language_modeling import LanguageModeling, LanguageModelingCodec, sum_items
from luthier.task_types.seq2seq import as_array, set_side_by_side, written_texts
from luthier.task_types.written import words_at_end, words_spelled, written_decisions
from luthier.text.packing import cut, pack, shift
from luthier.text.tokenize import token_of_nothing

STATISTICS = [("log_likelihood", "f8"), ("tokens", "f8"), ("right", "f8"), ("text", object)]


class CausalLmOptions(Section):
    """How texts are packed, and how the model writes; names as in `generate`."""

    packing: bool = Field(True, description="Fill training blocks with several texts.")
    generate: bool = Field(True, description="Let the model write answers where rows have them.")
    max_new_tokens: int = Field(64, ge=1, description="The most tokens that are written.")
    num_beams: int = Field(1, ge=1, le=100, description="Beams of the search; 1: greedy.")
    main_metric: Literal["perplexity", "token_accuracy", "exact_match", "rougeL"] = Field(
        "perplexity", description="The metric of the verdict."
    )


@dataclass(frozen=True)
class CausalLmCodec(LanguageModelingCodec[CausalLmOptions]):
    """Texts to continue, or instructions to answer."""

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Infer likelihoods; generate where there are references, and for new rows."""
        if answering:
            return ("generate",)
        kinds = super().inference_kinds()
        return (*kinds, "generate") if self.target.references else kinds

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Tokenize prompts and texts to learn; pack training rows into blocks."""
        max_tokens, windows = self.limits.max_tokens, self.limits.stride is not None
        prompts, wholes = self._tokenize(rows)
        full = np.array([max(len(whole), 1) for whole in wholes], dtype=np.int64)
        segments: list[tuple[list[int], list[int]]] = []
        row_of: list[int] = []
        for row, (prompt, whole) in enumerate(zip(prompts, wholes, strict=True)):
            labels = shift(whole, n_given=len(prompt))
            for part in _parts(whole, labels, max_tokens, windows=windows):
                segments.append(part)
                row_of.append(row)
        kept = full if windows else np.minimum(full, max_tokens)
        if training and self.options.packing:
            packed = pack(segments, max_tokens=max_tokens)
            blocks = {"input_ids": self._field(packed.input_ids, mask=None)}
            blocks["position_ids"] = ItemField(packed.position_ids)
            labels_of_blocks = ItemField(packed.labels, IGNORED)
            return Items(blocks, labels_of_blocks, packed.input_ids.lengths, full, kept)
        given, n_given = self._prompts(prompts, wholes)
        truncation = Truncation("prompt-cut-off", "text", "data.max_tokens", n_given, given.lengths)
        ids = Ragged.of([ids for ids, _ in segments])
        return Items(
            {"input_ids": self._field(ids)},
            ItemField(Ragged.of([wanted for _, wanted in segments]), IGNORED),
            ids.lengths,
            full,
            kept,
            np.array(row_of, dtype=np.int64),
            truncations=(truncation,) if self.target.references else (),
            layout=given,
        )

    def _field(self, ids: Ragged, *, mask: str | None = "attention_mask") -> ItemField:
        return ItemField(ids, self.processor.pad_token_id or 0, mask)

    def _tokenize(self, rows: Rows) -> tuple[list[list[int]], list[list[int]]]:
        """Return every row's prompt tokens, and the same followed by the learned tokens."""
        conversations = self._conversations(rows)
        if conversations is None:
            ends = [self.processor.eos_token_id] if self.processor.eos_token_id is not None else []
            texts = texts_of(rows, "text")
            ids = self.processor(texts, verbose=False)["input_ids"] if texts else []
            whole = [one if one[-1:] == ends else [*one, *ends] for one in ids]
            return [[] for _ in whole], [one or [token_of_nothing(self.processor)] for one in whole]
        answers = rows["target"] if "target" in rows else [None] * len(rows)
        spelled = [
            spell_prompt(messages, answer, self.processor)
            for messages, answer in zip(conversations, answers, strict=True)
        ]
        return [one for one, _ in spelled], [both for _, both in spelled]

    def _conversations(self, rows: Rows) -> Sequence[Messages] | None:
        """Return what is to be answered; None for texts that are learned or continued as they are.

        A model that learned conversations takes a bare text for what a user says.
        """
        if "messages" in rows:
            return rows["messages"]
        if not self.target.references:
            return None
        return [[{"role": "user", "content": text}] for text in texts_of(rows, "text")]

    def _prompts(
        self,
        prompts: list[list[int]],
        wholes: list[list[int]],
    ) -> tuple[Ragged, Array]:
        """Return what the model continues: prompts, or texts without their end token.

        Long prompts keep their end. The second value is each row's full token count, (rows,).
        """
        most = max(1, self.limits.max_tokens - self._n_new())
        ends = [self.processor.eos_token_id]
        begun = [
            prompt or (whole[:-1] if whole[-1:] == ends else whole)
            for prompt, whole in zip(prompts, wholes, strict=True)
        ]
        given = [one or [token_of_nothing(self.processor)] for one in begun]
        full = np.array([len(one) for one in given], dtype=np.int64)
        return Ragged.of([one[-most:] for one in given]), full

    def _n_new(self) -> int:
        """Return the most tokens that are written: half of the context is kept for the prompt."""
        half: int = self.limits.max_tokens // 2
        return min(self.options.max_new_tokens, half)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Pad blocks and texts on the right, or prompts on the left.

        Blocks have no mask: position ids that restart at 0 separate their texts.
        """
        if kind == "generate":
            prompts = {"input_ids": self._field(items.layout)}
            return Batch(pad(prompts, items.rows[chosen], side="left"), None, len(chosen))
        return super().batch(items, chosen, kind=kind, epoch=epoch)

    @property
    def padding_side(self) -> str:
        """Texts that are learned are padded on the right, whatever the tokenizer does."""
        return "right"

    def generation(self) -> Mapping[str, Any]:
        """Write the most probable tokens, up to `max_new_tokens`."""
        return {
            "max_new_tokens": self._n_new(),
            "num_beams": self.options.num_beams,
            "do_sample": False,
        }

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Sum each row's statistics, and decode what the model wrote, (rows,) of named fields."""
        summed = np.zeros((len(rows), 3))
        if self.task.validation_kind in inferred:
            summed = sum_items(inferred[self.task.validation_kind], items, len(rows))
        made = self.of_statistics(summed)
        if "generate" in inferred and len(rows):
            firsts = np.flatnonzero(np.diff(items.rows, prepend=-1))
            ids, prompts = inferred["generate"].take(firsts), items.layout
            if self._conversations(rows) is not None:
                made["text"] = written_texts(ids, self.processor)
            else:
                made["text"] = continued(prompts, ids, self.processor)
        return made

    def of_statistics(self, summed: Array) -> Outputs:
        """Make outputs of each row's statistics, with nothing written."""
        made = np.zeros(len(summed), dtype=STATISTICS)
        made["text"] = ""
        for column, (field, _) in enumerate(STATISTICS[:3]):
            made[field] = summed[:, column]
        return made

    def decode(self, outputs: Outputs) -> Predictions:
        """Answer with what the model wrote, or with each row's perplexity."""
        numbers = statistics_of(outputs)
        if self.target.references or not outputs["tokens"].any():
            return Predictions(outputs["text"], None, outputs)
        return Predictions(super().decode(numbers).answers, None, outputs)

    def statistics_of(self, outputs: Outputs) -> Array:
        """Return each row's log-likelihood, tokens and right tokens, (rows, 3)."""
        return statistics_of(outputs)

    def from_json(self, kept: Sequence[Mapping[str, Any]], rows: Rows) -> Predictions:
        """Read statistics back, and what was written."""
        outputs = super().from_json(kept, rows).outputs
        if self.target.references:
            outputs["text"] = [one["answer"] for one in kept]
        return self.decode(outputs)

    def gold(self, rows: Rows) -> Array:
        """Read the reference answers, or the texts where there are none, (rows,)."""
        return as_array(texts_of(rows, "target" if "target" in rows else "text"))

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
        item = int(np.flatnonzero(items.rows == index)[0])
        return written_decisions(inferred["generate"][item], self.processor, item)

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of what is continued; those of a conversation as its tokens spell it."""
        row = int(items.rows[item])
        if self._conversations(rows) is not None:
            return words_spelled(items.layout[row], self.processor)
        return words_at_end(items.layout[row], self.processor, texts_at(rows, ("text",), row)[0])

    def measure(self, gold: Array, predictions: Predictions) -> Measure:
        """Prepare perplexity and token accuracy; of written answers, exact match and ROUGE too."""
        likely = measure_language(statistics_of(predictions.outputs))
        if not self.target.references:
            return likely
        alike = measure_written(list(gold), list(predictions.outputs["text"]))
        return lambda weights: likely(weights) | alike(weights)

    def validation_scores(self, outputs: Outputs, gold: Array) -> dict[str, float]:
        """Measure the perplexity of the reference tokens."""
        return measure_language(statistics_of(outputs))(None)

    def uninformed_outputs(self, rows: Rows, *, validation: bool = False) -> Outputs:
        """Give every text the same perplexity, and write nothing."""
        return self.of_statistics(np.tile([-1.0, 1.0, 0.0], (len(rows), 1)))

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, count_tokens: bool = False
    ) -> list[dict[str, Any]]:
        """Return `[{"generated_text": …}]`: the text with its continuation.

        For a conversation, it is the conversation with one more message. With `count_tokens`, the
        tokens that were read are counted too, as `prompt_tokens`.
        """
        written = str(predictions.outputs["text"][index])
        conversations = self._conversations(rows)
        if conversations is not None:
            answered = [*conversations[index], {"role": "assistant", "content": written}]
            said: dict[str, Any] = {"generated_text": answered}
        else:
            said = {"generated_text": str(rows["text"][index]) + written}
        if count_tokens:
            said["prompt_tokens"] = int(self.encode(rows.take([index])).layout.lengths[0])
        return [said]

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the written text."""
        text = answer[0]["generated_text"]
        return {"prediction": text if isinstance(text, str) else text[-1]["content"]}

    def error_analysis(self, gold: Array, predictions: Predictions, rows: Rows) -> dict[str, Any]:
        """Show written answers beside the references, the least similar first."""
        if not self.target.references:
            return {}
        written = predictions.outputs["text"]
        sources = texts_of(rows, "text")
        return {"generations": set_side_by_side(sources, gold, written, rows)}


class CausalLm(LanguageModeling[CausalLmOptions]):
    """Texts to continue, or instructions to answer."""

    Codec = CausalLmCodec
    name: ClassVar[str] = "causal-lm"
    hub_task: ClassVar[str] = "text-generation"
    Options = CausalLmOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "content", "sentence", "body", "document")),
    )
    alternative_columns: ClassVar[tuple[str, ...]] = (
        *CONVERSATIONS,
        *INSTRUCTIONS,
        "input",
        *ANSWERS,
    )
    possible_answer_role: ClassVar[str | None] = "target"
    auto_model: ClassVar[str] = "AutoModelForCausalLM"
    baselines: ClassVar[tuple[str, ...]] = ("before-tuning", "unigram")

    def normalize(self, rows: Rows) -> tuple[Rows, list[Finding]]:
        """Normalise conversations and instructions to `text`, `messages` and `target`."""
        return canonical(rows)

    def learn_target(self, rows: Rows) -> Target:
        """Learn whether rows have reference answers."""
        return Target(self.kind, (), references="target" in rows and self.options.generate)

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 lines that count in words."""
        digits = ["one", "two", "three", "four", "five", "six", "seven"]
        texts = [" ".join(digits[(n + k) % 7] for k in range(5 + n % 4)) for n in range(80)]
        return Rows.of({"text": texts}, name="toy")


def continued(prompts: Ragged, ids: Ragged, tokenizer: Tokenizer) -> Array:
    """Return the continuation of each prompt, with the blank before its first word, (rows,)."""
    given = [prompts[row].tolist() for row in range(len(prompts))]
    whole = [[*one, *ids[row].tolist()] for row, one in enumerate(given)]
    texts = []
    for begun, ended in zip(
        tokenizer.batch_decode(given, skip_special_tokens=True),
        tokenizer.batch_decode(whole, skip_special_tokens=True),
        strict=True,
    ):
        texts.append(ended[len(begun) :] if ended.startswith(begun) else ended)
    return as_array(texts)


def statistics_of(outputs: Outputs) -> Array:
    """Return each row's log-likelihood, tokens and right tokens, (rows, 3)."""
    return np.stack([outputs[field] for field, _ in STATISTICS[:3]], axis=1)


def _parts(
    whole: list[int], labels: list[int], max_tokens: int, *, windows: bool
) -> list[tuple[list[int], list[int]]]:
    """Split a row that is too long into windows, or truncate it."""
    if len(whole) <= max_tokens:
        return [(whole, labels)]
    if not windows:
        return [(whole[:max_tokens], [*labels[: max_tokens - 1], IGNORED])]
    parts = cut(whole, max_tokens=max_tokens)
    starts = range(0, len(whole) - 1, max_tokens - 1)
    return [
        (part, [*labels[start : start + len(part) - 1], IGNORED])
        for start, part in zip(starts, parts, strict=True)
    ]
