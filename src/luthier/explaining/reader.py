"""Asks a PyTorch model about one decision again: with words replaced, or with their vectors moved.

Every question is one item in many variants, without padding, dropout or any speed-up. Next:
`explain.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from luthier.explaining.passages import Passage
from luthier.explaining.variants import Replacement, Variants
from luthier.explaining.vectors import Way, way_of
from luthier.explanation import Decision
from luthier.hf_types import Model
from luthier.items import Batch
from luthier.models.embedded import replacing
from luthier.ragged import Array
from luthier.registry import find
from luthier.training.inference import InferenceKind
from luthier.training.model_calls import run_model

AT_ONCE = 1024  # tokens per thread that are computed together on a CPU
MOST_OUTPUTS = 1 << 25  # outputs that are computed together: 128 MiB
NONE = np.zeros(0, dtype=np.int64)


def log_odds(decision: Decision, values: Tensor) -> Tensor:
    """Return a decision's log-odds, or its number, of outputs (texts, …), (texts,)."""
    total = torch.zeros(len(values), dtype=torch.float32, device=values.device)
    for choice in decision.choices:
        outputs = values[(slice(None), *choice.outputs)].float()
        if choice.chosen is None:
            total = total + outputs.reshape(len(values))
            continue
        is_other = torch.ones(outputs.shape[1], dtype=torch.bool, device=values.device)
        is_other[choice.chosen] = False
        total = total + outputs[:, choice.chosen] - outputs[:, is_other].logsumexp(dim=1)
    if decision.is_number:
        return decision.mean + decision.scale * total
    return total


class TorchReader:
    """One decision of a model on one item.

    Args:
        model: The model, in evaluation mode.
        passage: What the model had read.
        decision: The decision.
        replacement: What words are replaced by.
        note: What a reader of explanations should know of the decision.
    """

    def __init__(
        self,
        model: Model,
        passage: Passage,
        decision: Decision,
        replacement: Replacement,
        note: str = "",
    ):
        self.model, self.decision, self.replacement, self.note = model, decision, replacement, note
        self.words, self.n_words = passage.words, len(passage.words)
        device = next(model.parameters()).device
        tensors = {name: torch.from_numpy(one).to(device) for name, one in passage.inputs.items()}
        kind: InferenceKind = find("inference-kinds", decision.kind)
        if kind.values is None:
            raise ValueError(f"decisions on {decision.kind} cannot be explained")
        self.values_of = kind.values
        self.tokens = tokens_of(decision) if kind.is_ragged else NONE
        self.variants = Variants(tensors, self.words.of_tokens, replacement, self.tokens)

    # -- answers ---------------------------------------------------------------------------------

    @cached_property
    def values(self) -> Array:
        """The model's outputs for the item as it is, (…)."""
        with torch.inference_mode():
            found = self._run(self.variants.inputs)[0].float().cpu().numpy()
        return np.asarray(found)

    def scores(self, without: Array, *, delete: bool = False) -> Array:
        """Return log-odds where words are replaced or deleted; see `explanation.Reader`."""
        # where a token is written after others, each text has a length of its own
        alone = delete and self.decision.step is not None
        n_chunks = len(without) if alone else -(-len(without) // self._at_once)
        found = []
        for part in np.array_split(self.variants.chosen(without), n_chunks):
            with torch.inference_mode():
                ask = self._left_out if delete else self._replaced
                found.append(self._odds(ask(part)).double().cpu().numpy())
        return np.concatenate(found)

    def slopes(self, points: Array, *, from_zero: bool = False) -> tuple[Array, Array]:
        """Return log-odds and slopes on the way to the text; see `explanation.Reader`."""
        way = self._way.from_zero() if from_zero else self._way
        scores, slopes = [], []
        for part in np.array_split(points, -(-len(points) // self._at_once)):
            score, gradients = self._gradients(way.at(part))
            scores.append(score)
            along = [
                ((text - start) * one).sum(dim=-1)
                for start, text, one in zip(way.starts, way.texts, gradients, strict=True)
            ]
            slopes.append(way.of_words(along, self.n_words))
        return np.concatenate(scores), np.concatenate(slopes)

    def norms(self) -> tuple[float, Array]:
        """Return log-odds and the norm of each word's gradient; see `explanation.Reader`."""
        score, gradients = self._gradients([text[None].clone() for text in self._way.texts])
        squares = [one.square().sum(dim=-1) for one in gradients]
        return float(score[0]), np.sqrt(self._way.of_words(squares, self.n_words)[0])

    # -- how they are found ----------------------------------------------------------------------

    def _odds(self, values: Tensor) -> Tensor:
        return log_odds(self.decision, values)

    def _run(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Run the model on variants of the item, (texts, …), and select the outputs."""
        return self.values_of(run_model(self.model, Batch(inputs, None, len(inputs["input_ids"]))))

    def _replaced(self, chosen: Array) -> Tensor:
        """Run the model on the item with tokens replaced."""
        return self._run(self.variants.replaced(chosen))

    def _left_out(self, chosen: Array) -> Tensor:
        """Run the model on the item without tokens; outputs of tokens keep their places."""
        inputs, order, is_real = self.variants.left_out(chosen)
        values = self._run(inputs)
        if not len(self.tokens):
            return values
        n_tokens = self.variants.sizes["input_ids"]
        spread = values.new_full((len(values), n_tokens, *values.shape[2:]), float("-inf"))
        texts, places = np.nonzero(is_real)
        spread[texts, order[texts, places]] = values[texts, places]
        return spread

    def _gradients(self, moved: list[Tensor]) -> tuple[Array, list[Tensor]]:
        """Return log-odds, (points,), and their gradients, by call (points, places, width)."""
        leaves = [one.requires_grad_() for one in moved]

        def replace(call: int, _: Tensor, vectors: Tensor) -> Tensor:
            return self._way.as_read(leaves[call], vectors)

        with frozen(self.model), torch.enable_grad(), replacing(self.model, replace):
            odds = self._odds(self._run(self.variants.repeated(len(leaves[0]))))
            gradients = torch.autograd.grad(odds.sum(), leaves)
        return odds.detach().double().cpu().numpy(), [one.detach() for one in gradients]

    @cached_property
    def _way(self) -> Way:
        """The way to the text."""
        at_once = self._at_once
        return way_of(self.model, self.variants, self._run, self.n_words, at_once=at_once)

    @cached_property
    def _at_once(self) -> int:
        """How many variants are computed together."""
        n_tokens = len(self.variants.of_tokens)
        is_cpu = self.variants.device.type == "cpu"
        most = AT_ONCE * torch.get_num_threads() if is_cpu else 16 * AT_ONCE
        return max(1, min(most // n_tokens, MOST_OUTPUTS // self.values.size))


def tokens_of(decision: Decision) -> Array:
    """Return the tokens whose own outputs were chosen, (k,); none where the last one's were."""
    if decision.step is not None:
        return NONE
    found = [
        np.atleast_1d(choice.outputs[0])[choice.chosen if np.ndim(choice.outputs[0]) else 0]
        for choice in decision.choices
    ]
    return np.unique(np.array(found, dtype=np.int64))


@contextmanager
def frozen(model: Model) -> Iterator[None]:
    """Compute no gradients of weights."""
    trained = [one for one in model.parameters() if one.requires_grad]
    for one in trained:
        one.requires_grad_(False)
    try:
        yield
    finally:
        for one in trained:
            one.requires_grad_(True)
