"""`masked-lm`: a text with holes; the base of adapting a model to a domain.

Training masks different tokens in every epoch (Devlin et al. 2018, section 3.1; dynamic masking as
in Liu et al. 2019, section 4.1). Evaluation masks every token exactly once, in a few copies of the
text, and sums the log-likelihood of the true ones: a pseudo-perplexity (Salazar et al. 2020,
https://arxiv.org/abs/1910.14659, who mask one token at a time; option `pseudo_perplexity: exact`).
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
from luthier.errors import ModelError
from luthier.explanation import Choice, Decision, Words
from luthier.hf_types import Tokenizer
from luthier.items import Batch, ItemField, Items
from luthier.padding import IGNORED
from luthier.ragged import Array, Ragged
from luthier.recipe.tree import Section
from luthier.records import Outputs, Predictions, Rows
from luthier.seeding import stream
from luthier.task_types.defaults import texts_of
from luthier.task_types.encode_inputs import items_of_windows
from luthier.task_types.explained_texts import texts_at, tokens_of
from luthier.task_types.holes import fill, fillings, no_hole
from luthier.task_types.language_modeling import LanguageModeling, LanguageModelingCodec
from luthier.text.places import Places, places_of, words_of
from luthier.text.windows import tokenize_windows

MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens: masked, replaced by any; the rest are kept


class MaskedLmOptions(Section):
    """What is masked."""

    mlm_probability: float = Field(0.15, gt=0, lt=1, description="Share of tokens to guess.")
    whole_words: bool = Field(False, description="Mask all tokens of a word together.")
    pseudo_perplexity: Literal["grouped", "exact"] = Field(
        "grouped",
        description="Mask many tokens at a time when judging, or one (slow: a run for each).",
    )


@dataclass(frozen=True)
class MaskLayout:
    """Which tokens are masked together.

    Args:
        groups: Number of each token's group, -1 for special tokens, (tokens,) per item.
        turns: Turn of each copy, and number of turns of its window, (items, 2); None for
            training, where groups are drawn at random.
    """

    groups: Ragged
    turns: Array | None = None


@dataclass(frozen=True)
class MaskedLmCodec(LanguageModelingCodec[MaskedLmOptions]):
    """A text with holes to fill."""

    targets_for: ClassVar[frozenset[str]] = frozenset({LOSS, "log-likelihood", "fill-mask"})

    def inference_kinds(self, *, answering: bool = False) -> tuple[str, ...]:
        """Fill the masks of new texts."""
        return ("fill-mask",) if answering else super().inference_kinds()

    def encode(self, rows: Rows, *, training: bool = False) -> Items:
        """Window the texts; for evaluation, copy each window so that every token is masked once.

        Raises:
            ModelError: The tokenizer has no mask token.
        """
        if self.processor.mask_token_id is None:
            raise ModelError(
                "The tokenizer has no token that stands for a hole.",
                received=f"{type(self.processor).__name__} without mask_token",
                hint="task=causal-lm, or a BERT-like model",
            )
        made = tokenize_windows(
            self.processor,
            texts_of(rows, "text"),
            max_tokens=self.limits.max_tokens,
            stride=None if self.limits.stride is None else 0,
        )
        groups = group_tokens(made.words, made.places, whole_words=self.options.whole_words)
        ids = made.inputs["input_ids"]
        items = items_of_windows(made, self.processor, ItemField(ids, IGNORED), MaskLayout(groups))
        if training:
            return items
        is_hole = ids.values == self.processor.mask_token_id
        asks = np.add.reduceat(is_hole, made.places.offsets[:-1]) > 0 if len(is_hole) else is_hole
        copies, turns = self._copies(groups, asks)
        return replace(
            items,
            inputs={name: field.take(copies) for name, field in items.inputs.items()},
            targets=ItemField(ids.take(copies), IGNORED),
            cost=ids.lengths[copies],
            row_of=made.row_of[copies],
            layout=MaskLayout(groups.take(copies), turns),
        )

    def _copies(self, groups: Ragged, asks: Array) -> tuple[Array, Array]:
        """Return the window of each copy, (copies,), and its turn, (copies, 2).

        A window with masks to fill needs one copy only.
        """
        copies, turns = [], []
        for window in range(len(groups)):
            n_groups = int(groups[window].max(initial=-1)) + 1
            n_turns = 1 if asks[window] else max(1, min(n_groups, self._n_turns(n_groups)))
            copies += [window] * n_turns
            turns += [(turn, n_turns) for turn in range(n_turns)]
        return np.array(copies, dtype=np.int64), np.array(turns, dtype=np.int64).reshape(-1, 2)

    def _n_turns(self, n_groups: int) -> int:
        exact = self.options.pseudo_perplexity == "exact"
        return n_groups if exact else round(1 / self.options.mlm_probability)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Mask tokens: at random for training, in turn for evaluation, none to fill masks."""
        if kind == "fill-mask":
            batch = super().batch(items, chosen, kind=kind)
            is_hole = batch.inputs["input_ids"] == self.processor.mask_token_id
            return replace(batch, targets=np.where(is_hole, 0, IGNORED))
        ids, labels = [], []
        given = ids_of(items)
        for item in map(int, chosen):
            true = given[item].astype(np.int64)
            shown, is_masked = self._mask(items, item, true, epoch)
            ids.append(shown)
            labels.append(np.where(is_masked, true, IGNORED))
        inputs = {name: field.take(chosen) for name, field in items.inputs.items()}
        inputs["input_ids"] = replace(inputs["input_ids"], values=Ragged.of(ids))
        masked = replace(
            items,
            inputs=inputs,
            targets=ItemField(Ragged.of(labels), IGNORED),
            weights=None if items.weights is None else items.weights[chosen],
            groups=None if items.groups is None else items.groups[chosen],
        )
        return super().batch(masked, np.arange(len(chosen)), kind=kind)

    def _mask(self, items: Items, item: int, true: Array, epoch: int) -> tuple[Array, Array]:
        """Return an item's ids with some masked, and which tokens are predicted, (tokens,) each."""
        layout: MaskLayout = items.layout
        groups = layout.groups[item]
        if layout.turns is None:
            random = stream(self.seed, "mask", epoch, item)
            is_masked = self._draw(groups, random)
            return hide(true, is_masked, self.processor, random), is_masked
        turn, n_turns = layout.turns[item]
        is_masked = (groups >= 0) & (groups % n_turns == turn)
        return np.where(is_masked, self.processor.mask_token_id, true), is_masked

    def _draw(self, groups: Array, random: np.random.Generator) -> Array:
        """Choose groups of tokens at random, at least one if there are any."""
        n_groups = int(groups.max(initial=-1)) + 1
        drawn = random.random(n_groups) < self.options.mlm_probability
        if n_groups and not drawn.any():
            drawn[random.integers(n_groups)] = True
        # special tokens have group -1, which reads the False at the end
        is_masked: Array = np.append(drawn, False)[groups]
        return is_masked

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Sum each row's statistics, or list what fills its masks."""
        if "fill-mask" not in inferred:
            return super().outputs(inferred, items, rows)
        made = np.empty(len(rows), dtype=object)
        for row in range(len(rows)):
            made[row] = []
        for item, row in enumerate(items.rows.tolist()):
            if items.layout.turns[item][0] == 0:
                guesses = inferred["fill-mask"][item].reshape(-1, 2)
                holes = ids_of(items)[item] == self.processor.mask_token_id
                made[row] += fillings(guesses, int(holes.sum()), self.processor)
        return made

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
        """Explain what fills each hole best."""
        if not predictions.answers[index]:
            raise no_hole(str(rows["text"][index]))
        found: list[Decision] = []
        for item in np.flatnonzero(items.rows == index).tolist():
            ids, spans = tokens_of(items, item), self._places(items, item, rows).spans
            holes = np.flatnonzero(ids == self.processor.mask_token_id).tolist()
            for hole in holes if items.layout.turns[item][0] == 0 else ():
                guess = predictions.answers[index][len(found)][0]
                choice = Choice((hole, slice(None)), guess["token"])
                made = Decision(guess["token_str"], item, "fill-mask", (choice,))
                found.append(replace(made, role="text", span=tuple(spans[hole].tolist())))
        return found

    def words(self, items: Items, item: int, rows: Rows) -> Words:
        """Find the words of a text, without its holes."""
        texts = texts_at(rows, ("text",), int(items.rows[item]))
        places = self._places(items, item, rows)
        is_hole = places.ids == self.processor.mask_token_id
        shown = replace(places, text_of=np.where(is_hole, -1, places.text_of))
        return words_of(texts, ("text",), shown)

    def _places(self, items: Items, item: int, rows: Rows) -> Places:
        """Find where the tokens of an item stand."""
        row = int(items.rows[item])
        windows = np.flatnonzero((items.rows == row) & (items.layout.turns[:, 0] == 0)).tolist()
        made = places_of(
            self.processor,
            texts_at(rows, ("text",), row),
            max_tokens=self.limits.max_tokens,
            stride=None if self.limits.stride is None else 0,
            windowed=True,
        )
        return made[windows.index(item)]

    def to_json(self, answers: Any, index: int, rows: Rows) -> Any:
        """Write what fills the holes best, or the perplexity of a text."""
        answer = answers[index]
        if isinstance(answer, list):
            return [hole[0]["token_str"] for hole in answer]
        return super().to_json(answers, index, rows)

    def answer(
        self, predictions: Predictions, index: int, rows: Rows, *, top_k: int | None = 5
    ) -> JSON:
        """List what fills the mask, best first; a list of such lists for several masks."""
        text = str(rows["text"][index])
        holes = predictions.answers[index]
        if not holes:
            raise no_hole(text)
        listed = [
            [guess | {"sequence": fill(text, guess, hole)} for guess in guesses[:top_k]]
            for hole, guesses in enumerate(holes)
        ]
        return listed[0] if len(listed) == 1 else listed

    def to_columns(self, answer: JSON) -> dict[str, JSON]:
        """Lay out the best filling of every mask."""
        holes = answer if isinstance(answer[0], list) else [answer]
        return {
            "prediction": "|".join(hole[0]["token_str"] for hole in holes),
            "score": "|".join(f"{hole[0]['score']:.6g}" for hole in holes),
        }


class MaskedLm(LanguageModeling[MaskedLmOptions]):
    """A text with holes to fill."""

    Codec = MaskedLmCodec
    name: ClassVar[str] = "masked-lm"
    hub_task: ClassVar[str] = "fill-mask"
    Options = MaskedLmOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "sentence", "content", "body", "document")),
    )
    auto_model: ClassVar[str] = "AutoModelForMaskedLM"
    baselines: ClassVar[tuple[str, ...]] = ("before-tuning", "unigram")


def ids_of(items: Items) -> Ragged:
    """Return the token ids of all items."""
    ids = items.inputs["input_ids"].values
    if not isinstance(ids, Ragged):
        raise TypeError("token ids are sequences of unequal length")
    return ids


def group_tokens(words: Ragged, places: Ragged, *, whole_words: bool) -> Ragged:
    """Number the tokens or words of every window that are masked together; -1: special tokens."""
    groups = []
    for window in range(len(places)):
        place = places[window]
        group = np.full(len(place), -1, dtype=np.int64)
        is_text = place >= 0
        by = words[window][is_text] if whole_words else place[is_text]
        if len(by):
            group[is_text] = np.unique(by, return_inverse=True)[1]
        groups.append(group)
    return Ragged.of(groups)


def hide(given: Array, chosen: Array, tokenizer: Tokenizer, random: np.random.Generator) -> Array:
    """Mask 80 % of the chosen tokens, replace 10 % by random ones, and keep 10 %."""
    shown = given.copy()
    fate = random.random(len(given))
    anything = random.integers(0, len(tokenizer), size=len(given))
    shown[chosen & (fate < MASKED)] = tokenizer.mask_token_id
    is_random = chosen & (fate >= MASKED) & (fate < MASKED + RANDOM)
    shown[is_random] = anything[is_random]
    return shown
