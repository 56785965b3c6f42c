"""`denoising`: damaged texts to restore; how models with an encoder and a decoder go on reading.

    text ─► windows ─► spans taken out, anew in every epoch ─► what the decoder writes

T5 writes the spans, BART the whole text (`text/noise.py`). For evaluation a window is always
damaged alike, whichever rows stand beside it. New texts are restored by writing: T5's with
`<extra_id_0>` where something is missing, BART's with `<mask>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.codec import LOSS
from luthier.columns import Column
from luthier.declarations import JSON
from luthier.explanation import Decision, Words
from luthier.inputs.text import token_fields
from luthier.items import Batch, ItemField, Items
from luthier.objective import Objective
from luthier.padding import IGNORED, pad
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Outputs, Predictions, Rows
from luthier.seeding import stream
from luthier.task_types.defaults import texts_of
from luthier.task_types.explained_texts import texts_at, words_of_tokens
from luthier.task_types.language_modeling import LanguageModeling, LanguageModelingCodec
from luthier.task_types.seq2seq import as_array
from luthier.task_types.written import written_decisions
from luthier.text.noise import Noise, noise_for
from luthier.text.windows import tokenize_windows


class DenoisingOptions(Section):
    """How texts are damaged, and how the model writes."""

    noise: Literal["span-corruption", "text-infilling"] | None = Field(
        None, description="As T5 or as BART; null: as the tokenizer has sentinels or a mask."
    )
    noise_density: float | None = Field(
        None, gt=0, lt=1, description="Share of tokens taken out; null: 0.15 (T5) or 0.3 (BART)."
    )
    mean_noise_span_length: float = Field(3.0, ge=1, description="Mean tokens of a span.")
    num_beams: int = Field(1, ge=1, le=100, description="Beams of the search; 1: greedy.")


@dataclass(frozen=True)
class NoiseLayout:
    """What batches are made of.

    Args:
        noise: How texts are damaged.
        ids: Each window as it was, special tokens too, (tokens,) per item.
        is_text: Which of these tokens are of the text.
        is_training: Whether every epoch damages it anew.
    """

    noise: Noise
    ids: Ragged
    is_text: Ragged
    is_training: bool

    def damage(self, item: int, random: np.random.Generator) -> tuple[Array, Array]:
        """Damage a window between its special tokens: what is shown, and what is written."""
        ids, places = self.ids[item].astype(np.int64), np.flatnonzero(self.is_text[item])
        first, past = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
        shown, written = self.noise.damage(ids[first:past], random)
        return (
            np.concatenate([ids[:first], shown, ids[past:]]),
            np.concatenate([ids[:first], written, ids[past:]]),
        )


@dataclass(frozen=True)
class DenoisingCodec(LanguageModelingCodec[DenoisingOptions]):
    """A damaged text, and what restores it."""

    targets_for: ClassVar[frozenset[str]] = frozenset({LOSS, "decoder-log-likelihood"})

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Restore new texts by writing."""
        return ("generate",) if answering else super().inference_kinds()

    def objective(self, gold: Array, *, label_smoothing: float) -> Objective:
        """Learn the next token of what restores the text."""
        return Objective("sequence-to-sequence", label_smoothing=label_smoothing)

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Window the texts, and damage every window as it is damaged for evaluation.

        Raises:
            ModelError: The tokenizer has nothing that stands for a span.
        """
        options = self.options
        noise = noise_for(
            self.processor,
            options.noise,
            density=options.noise_density,
            mean_length=options.mean_noise_span_length,
        )
        made = tokenize_windows(
            self.processor,
            texts_of(rows, "text"),
            max_tokens=self.limits.max_tokens,
            stride=None if self.limits.stride is None else 0,
        )
        ids = made.inputs["input_ids"]
        is_text = replace(made.places, values=made.places.values >= 0)
        layout = NoiseLayout(noise, ids, is_text, training)
        inputs, targets = self._damaged(layout, np.arange(len(ids)), epoch=None)
        shown: Any = inputs["input_ids"].values
        return Items(
            inputs,
            targets,
            ids.lengths if training else shown.lengths,  # epochs take out more or less
            made.full_lengths,
            made.kept_lengths,
            made.row_of,
            layout=layout,
        )

    def _damaged(
        self, layout: NoiseLayout, chosen: Array, *, epoch: int | None
    ) -> tuple[dict[str, ItemField], ItemField]:
        """Damage windows for an epoch, or as they always are for evaluation."""
        shown, written = [], []
        for item in map(int, chosen):
            if epoch is None:
                random = stream(self.seed, "noise", "evaluation", layout.ids[item].tobytes().hex())
            else:
                random = stream(self.seed, "noise", epoch, item)
            restored = layout.damage(item, random)
            shown.append(restored[0])
            written.append(restored[1])
        fields = token_fields({"input_ids": Ragged.of(shown)}, self.processor)
        return fields, ItemField(Ragged.of(written), IGNORED)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Damage windows anew for training; show them as they are where they are restored.

        What is read is padded on the tokenizer's side, what is written on the right.
        """
        layout: NoiseLayout = items.layout
        if kind == "generate":
            ids = layout.ids.take(chosen)
            fields = token_fields({"input_ids": ids}, self.processor)
            return Batch(pad(fields, np.arange(len(ids)), side=self.padding_side), None, len(ids))
        batch = super().batch(items, chosen, kind=kind)
        if items.targets is None:
            return batch
        inputs, targets, taken = items.inputs, items.targets, chosen
        if layout.is_training and kind == LOSS:
            inputs, targets = self._damaged(layout, chosen, epoch=epoch)
            taken = np.arange(len(chosen))
        return replace(
            batch,
            inputs=pad(inputs, taken, side=self.padding_side),
            targets=pad({"targets": targets}, taken)["targets"],
        )

    def generation(self) -> Mapping[str, Any]:
        """Write the most probable tokens, as many as a window has."""
        return {
            "max_new_tokens": self.limits.max_tokens,
            "num_beams": self.options.num_beams,
            "do_sample": False,
        }

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Sum each row's statistics, or put together what was written for its windows."""
        if "generate" not in inferred:
            return super().outputs(inferred, items, rows)
        left_out = list({*self.processor.all_special_ids} - {*items.layout.noise.sentinels})
        written: list[list[str]] = [[] for _ in range(len(rows))]
        for item, row in enumerate(items.rows.tolist()):
            ids = inferred["generate"][item]
            text = self.processor.decode(ids[~np.isin(ids, left_out)], skip_special_tokens=False)
            written[row].append(text.strip())
        return as_array([" ".join(filter(None, texts)) for texts in written])

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
        """Explain every token that was written for the first window."""
        item = int(np.flatnonzero(items.rows == index)[0])
        return written_decisions(inferred["generate"][item], self.processor, item)

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of what was read."""
        texts = texts_at(rows, ("text",), int(items.rows[item]))
        return words_of_tokens(self, texts, ["text"], items.layout.ids[item])

    def answer(self, predictions: Predictions, index: int, rows: Rows) -> list[dict[str, Any]]:
        """Return `[{"generated_text": …}]`: what the model wrote."""
        return [{"generated_text": str(predictions.answers[index])}]

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the written text."""
        return {"prediction": answer[0]["generated_text"]}


class Denoising(LanguageModeling[DenoisingOptions]):
    """Damaged texts to restore."""

    Codec = DenoisingCodec
    name: ClassVar[str] = "denoising"
    hub_task: ClassVar[str] = "text2text-generation"
    Options = DenoisingOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "sentence", "content", "body", "document")),
    )
    auto_model: ClassVar[str] = "AutoModelForSeq2SeqLM"
    baselines: ClassVar[tuple[str, ...]] = ("before-tuning", "unigram")
    validation_kind: str = "decoder-log-likelihood"
