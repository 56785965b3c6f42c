"""`masked-lm`: a text with holes; the base of adapting a model to a domain.

Training masks other tokens in every epoch (Devlin et al. 2018, section 3.1; dynamic masking as in
Liu et al. 2019, section 4.1). Judging masks every token exactly once, in a few copies of the text,
and sums up how likely the true ones are: a pseudo-perplexity (Salazar et al. 2020,
https://arxiv.org/abs/1910.14659, who mask one token at a time; option `pseudo_perplexity: exact`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from luthier.errors import DataError, ModelError
from luthier.protocols import Column
from luthier.recipe.tree import Section
from luthier.records import Array, Batch, Encoded, Outputs, Predictions, Ragged, Rows, Target
from luthier.seeding import stream
from luthier.task_types.defaults import texts_of
from luthier.task_types.language_modeling import Language
from luthier.text.batches import IGNORED, pad
from luthier.text.windows import tokenize_windows

HOLE = re.compile(r"\[MASK\]|<mask>")
MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens: masked, replaced by any; the rest are kept


class MaskedLmOptions(Section):
    """What is masked."""

    mlm_probability: float = Field(0.15, gt=0, lt=1, description="Share of tokens to guess.")
    whole_words: bool = Field(False, description="Mask all tokens of a word together.")
    pseudo_perplexity: Literal["grouped", "exact"] = Field(
        "grouped",
        description="Mask many tokens at a time when judging, or one (slow: a run for each).",
    )


class MaskedLm(Language):
    """A text with holes to fill."""

    name: ClassVar[str] = "masked-lm"
    hub_task: ClassVar[str] = "fill-mask"
    Options = MaskedLmOptions
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", ("text", "sentence", "content", "body", "document")),
    )
    auto_model: ClassVar[str] = "AutoModelForMaskedLM"
    baselines: ClassVar[tuple[str, ...]] = ("before-tuning", "unigram")

    def __init__(self, options: MaskedLmOptions):
        self.options = options

    def answer_kinds(self, target: Target) -> tuple[str, ...]:
        """Fill the masks of new texts."""
        return ("fill-mask",)

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
        """Cut the texts into windows; to judge, copy each as often as its tokens are masked.

        Raises:
            ModelError: The tokenizer has no mask.
        """
        if tokenizer.mask_token_id is None:
            raise ModelError(
                "The tokenizer has no token that stands for a hole.",
                received=f"{type(tokenizer).__name__} without mask_token",
                hint="task=causal-lm, or a BERT-like model",
            )
        made = tokenize_windows(
            tokenizer,
            texts_of(rows, "text"),
            max_tokens=max_tokens,
            stride=None if stride is None else 0,
        )
        groups = group_tokens(made.words, made.places, whole_words=self.options.whole_words)
        if training:
            return Encoded(
                made.inputs,
                made.inputs["input_ids"],
                made.full_lengths,
                row_of=made.row_of,
                kept_lengths=made.kept_lengths,
                marks={"groups": groups},
            )
        is_hole = made.inputs["input_ids"].values == tokenizer.mask_token_id
        asks = np.add.reduceat(is_hole, made.places.offsets[:-1]) > 0 if len(is_hole) else is_hole
        copies, turns = self._copies(groups, asks)
        return Encoded(
            {name: values.take(copies) for name, values in made.inputs.items()},
            made.inputs["input_ids"].take(copies),
            made.full_lengths,
            row_of=made.row_of[copies],
            kept_lengths=made.kept_lengths,
            marks={"groups": groups.take(copies), "turns": turns},
        )

    def _copies(self, groups: Ragged, asks: Array) -> tuple[Array, Array]:
        """Say which window each copy is of, and which of its turns it is: (copies,) each.

        One copy is enough of a window that asks what fills its holes.
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

    def collate(
        self,
        encoded: Encoded,
        indices: Array,
        *,
        tokenizer: Any,
        reading: str | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Mask: at random in training, by turns to judge, nowhere to fill what is there."""
        groups = encoded.marks["groups"]
        ids, labels = [], []
        if reading == "fill-mask":
            batch = pad(encoded.inputs, indices, tokenizer=tokenizer)
            is_hole = batch["input_ids"] == tokenizer.mask_token_id
            batch["labels"] = np.where(is_hole, 0, IGNORED)
            return batch
        for item in indices:
            given = encoded.inputs["input_ids"][int(item)].astype(np.int64)
            if "turns" in encoded.marks:
                turn, n_turns = encoded.marks["turns"][item]
                chosen = (groups[int(item)] >= 0) & (groups[int(item)] % n_turns == turn)
                shown = np.where(chosen, tokenizer.mask_token_id, given)
            else:
                random = stream(epoch or 0, "mask", int(item))
                chosen = self._draw(groups[int(item)], random)
                shown = hide(given, chosen, tokenizer, random)
            ids.append(shown)
            labels.append(np.where(chosen, given, IGNORED))
        place = np.arange(len(indices))
        others = {
            name: values.take(indices)
            for name, values in encoded.inputs.items()
            if name != "input_ids" and isinstance(values, Ragged)
        }
        masked = {"input_ids": Ragged.of(ids), **others, "labels": Ragged.of(labels)}
        return pad(masked, place, tokenizer=tokenizer)

    def _draw(self, groups: Array, random: np.random.Generator) -> Array:
        """Choose groups of tokens at random, at least one where there is any."""
        n_groups = int(groups.max(initial=-1)) + 1
        drawn = random.random(n_groups) < self.options.mlm_probability
        if n_groups and not drawn.any():
            drawn[random.integers(n_groups)] = True
        return (groups >= 0) & np.append(drawn, False)[groups]

    def gather(
        self, read: Mapping[str, Any], encoded: Encoded, rows: Rows, *, tokenizer: Any
    ) -> Outputs:
        """Sum up each row's statistics, or name what fills its holes."""
        if "fill-mask" not in read:
            return super().gather(read, encoded, rows, tokenizer=tokenizer)
        made = np.empty(len(rows), dtype=object)
        for row in range(len(rows)):
            made[row] = []
        seen: set[int] = set()
        for item, row in enumerate(encoded.rows.tolist()):
            if encoded.marks["turns"][item][0] == 0:
                guesses = read["fill-mask"][item].reshape(-1, 2)
                holes = encoded.inputs["input_ids"][item] == tokenizer.mask_token_id
                made[row] += fillings(guesses, int(holes.sum()), tokenizer)
            seen.add(row)
        return made

    def decode(self, outputs: Outputs, target: Target) -> Predictions:
        """Take fillings as they are; else answer with perplexities."""
        if outputs.dtype == object:
            return Predictions(outputs, None, outputs)
        return super().decode(outputs, target)

    def answer(
        self,
        predictions: Predictions,
        index: int,
        rows: Rows,
        target: Target,
        *,
        top_k: int | None = 5,
    ) -> Any:
        """List what fills the hole, best first; a list of such lists for several holes."""
        text = str(rows["text"][index])
        holes = predictions.answers[index]
        if not holes:
            raise DataError(
                "There is no hole to fill in this text.",
                received=text[:60],
                hint="put the tokenizer's mask, such as [MASK] or <mask>, where a word is missing",
            )
        listed = [
            [guess | {"sequence": fill(text, guess, hole)} for guess in guesses[:top_k]]
            for hole, guesses in enumerate(holes)
        ]
        return listed[0] if len(listed) == 1 else listed

    def to_columns(self, answer: Any) -> dict[str, Any]:
        """Lay the best filling of every hole out."""
        holes = answer if isinstance(answer[0], list) else [answer]
        return {
            "prediction": "|".join(hole[0]["token_str"] for hole in holes),
            "score": "|".join(f"{hole[0]['score']:.6g}" for hole in holes),
        }

    @staticmethod
    def toy_rows() -> Rows:
        """Make 80 sentences in which each thing has its own colour."""
        colours = {"grass": "green", "snow": "white", "coal": "black", "blood": "red"}
        verbs, places = ("is", "looks", "seems", "stays"), ("here", "there", "outside")
        texts = [
            f"the {thing} {verbs[n // 4 % 4]} {colours[thing]} {places[n // 16 % 3]} on day {n}"
            for n, thing in ((n, list(colours)[n % 4]) for n in range(80))
        ]
        return Rows.of({"text": texts}, name="toy")


def group_tokens(words: Ragged, places: Ragged, *, whole_words: bool) -> Ragged:
    """Number what is masked together in every window: tokens, or words; -1 for special tokens."""
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


def hide(given: Array, chosen: Array, tokenizer: Any, random: np.random.Generator) -> Array:
    """Mask 80 % of the chosen tokens, put any token for 10 %, and leave 10 % as they are."""
    shown = given.copy()
    fate = random.random(len(given))
    anything = random.integers(0, len(tokenizer), size=len(given))
    shown[chosen & (fate < MASKED)] = tokenizer.mask_token_id
    is_random = chosen & (fate >= MASKED) & (fate < MASKED + RANDOM)
    shown[is_random] = anything[is_random]
    return shown


def fillings(guesses: Array, n_holes: int, tokenizer: Any) -> list[list[dict[str, Any]]]:
    """Name what fills each hole, best first, from (holes × guesses, 2) ids and probabilities."""
    if n_holes == 0:
        return []
    each = guesses.reshape(n_holes, -1, 2)
    return [
        [
            {
                "score": float(score),
                "token": int(token),
                "token_str": tokenizer.decode([int(token)]).strip(),
            }
            for token, score in hole
        ]
        for hole in each
    ]


def fill(text: str, guess: Mapping[str, Any], hole: int) -> str:
    """Put a guess into one of a text's holes.

    >>> fill("a [MASK] and a [MASK]", {"token_str": "cat"}, 1)
    'a [MASK] and a cat'
    """
    parts = HOLE.split(text)
    marks = HOLE.findall(text)
    if hole >= len(marks):
        return text
    marks[hole] = str(guess["token_str"])
    return "".join(one for pair in zip_longest(parts, marks, fillvalue="") for one in pair)
