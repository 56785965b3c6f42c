"""Install the speed-ups in a model temporarily: each if it fits and a trial confirms it.

The trial runs a few rows with and without it. If outputs differ by more than rounding, it is not
used and the caller learns why: no speed-up changes what the model computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedModel

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.models.crf import CrfTagger
from luthier.models.heads import PooledClassifier
from luthier.models.speedups.dropout import cheap_masks
from luthier.models.speedups.unpadded import Chosen, Unpadded
from luthier.models.speedups.vocabulary import CompactVocabulary
from luthier.models.structure import layers, pretrained, read_place, stacks, trunk

ALIKE = 1e-4  # largest difference of outputs, relative to the largest output
ROUNDED = 5e-2  # the same for models that compute in 16 bits or fewer
FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)
KNOWN = (
    PreTrainedModel,
    PooledClassifier,
    CrfTagger,
)  # heads that read the trunk's states as they are


@contextmanager
def faster(
    model: Model,
    compute: Callable[[], list[Tensor]] | None,
    *,
    unpadded: bool = True,
    cls_only: bool = True,
    fast_dropout: bool = True,
    vocabulary: CompactVocabulary | None = None,
    far: bool = False,
) -> Iterator[str | None]:
    """Make a model compute the same with less work, until the context ends.

    Args:
        model: The model, on a CPU; on other devices it is not changed, unless `far`.
        compute: Runs the model on a few padded rows and returns the outputs to compare; None if
            there are no padded rows, so that padding need not be left out.
        unpadded: Whether blocks leave out padding.
        cls_only: Whether the last block computes only the token that the head reads, if it reads
            a single one.
        fast_dropout: Whether dropout masks are drawn cheaply.
        vocabulary: The smaller embedding to use; None keeps the whole one.
        far: Whether the model is on a device, and padding is left out there too.

    Yields:
        Why padding cannot be left out, if that was asked for; else None.
    """
    with ExitStack() as undo:
        is_known = isinstance(model, KNOWN) or hasattr(model, "peft_config")
        if fast_dropout and is_known and _on_cpu(model):
            undo.enter_context(cheap_masks())
        if vocabulary is not None:
            vocabulary.put_in()
            undo.callback(vocabulary.take_out)
        reason = None
        if any("unpadded" in part.__dict__ for part in model.modules()):
            unpadded = False  # installed already: an evaluation during training
        if unpadded and not is_known:
            reason = "the model is wrapped by a module that needs all of its states"
        elif unpadded and compute is not None and (far or _on_cpu(model)):
            reason = _leave_out_padding(model, compute, undo, cls_only=cls_only, far=far)
        yield reason


def _leave_out_padding(
    model: Model,
    compute: Callable[[], list[Tensor]],
    undo: ExitStack,
    *,
    cls_only: bool,
    far: bool,
) -> str | None:
    inner = pretrained(model)
    if inner is None:
        return "it is not a model of Transformers"
    try:
        ways = list(ways_of(model, inner, cls_only=cls_only))
    except ModelError:
        return "its blocks cannot be found"
    reasons = []
    for way in ways:
        reason = why_not(model, compute, way, far=far)
        if reason is None:
            for stack in way:
                stack.put_in()
                undo.callback(stack.take_out)
            return None
        reasons.append(reason)
    return f"{inner.config.model_type} computes something else without it ({reasons[0]})"


def ways_of(model: Model, inner: Model, *, cls_only: bool = True) -> Iterator[list[Unpadded]]:
    """Yield the ways to leave out padding, fastest first; each lists what to install.

    Attention is replaced through Transformers' interface, or the family's own is kept; a decoder
    may keep its padding while the encoder leaves it out.

    Args:
        model: The model that is trained.
        inner: The model of Transformers inside it.
        cls_only: Whether the last block may compute only the token that the head reads.

    Raises:
        ModelError: The model's blocks cannot be found.
    """
    if getattr(inner.config, "is_encoder_decoder", False):
        both = stacks(inner)
        for found in (both, both[:1]):
            for own in (False, True):
                yield [
                    Unpadded(stack, parts, len(parts), own_attention=own) for stack, parts in found
                ]
        return
    blocks = list(layers(inner))
    n_calls = inner.config.num_hidden_layers
    computing = [block for block in blocks if "forward" not in block.__dict__]
    is_whole = len(computing) == len(blocks)
    if not is_whole:  # the lower blocks return stored states
        blocks, n_calls = computing, len(computing)
    chosen = read_token(model, inner) if cls_only else None
    yield [Unpadded(trunk(inner), blocks, n_calls, chosen, is_whole=is_whole)]
    yield [Unpadded(trunk(inner), blocks, n_calls, own_attention=True)]


def read_token(model: Model, inner: Model) -> Chosen | None:
    """Return which token of each row the head reads; None if it is not a single one."""
    if isinstance(model, PooledClassifier):
        return "first" if model.pooling_name == "cls" else None
    if not type(inner).__name__.endswith("ForSequenceClassification"):
        return None
    read = read_place(inner)
    return None if read == "mean" else read


def why_not(
    model: Model, compute: Callable[[], list[Tensor]], way: list[Unpadded], *, far: bool = False
) -> str | None:
    """Compare a model's outputs with and without padding, dropout off; return why they differ.

    On a device the kernel depends on the inputs and on gradients, so gradients are compared too,
    and a step with dropout must be finite.
    """
    run = partial(_with_gradient, model, compute) if far else torch.no_grad()(compute)
    was_training = model.training
    model.eval()
    try:
        with ExitStack() as undo:
            before = run()
            for stack in way:
                stack.put_in()
                undo.callback(stack.take_out)
            try:
                after = run()
                is_finite = not far or _is_finite(model, run)
            except FAILURES as problem:  # its attention cannot be replaced, or there is no kernel
                return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
    finally:
        model.train(was_training)
    is_rounded = any(one.dtype.itemsize < 4 for one in (*model.parameters(), *before))
    if not is_finite or not are_alike(before, after, most=ROUNDED if is_rounded else ALIKE):
        return "its outputs or gradients differ"
    return None


def agrees(model: Model, compute: Callable[[], list[Tensor]], way: list[Unpadded]) -> bool:
    """Return whether outputs are the same with and without padding, dropout off."""
    return why_not(model, compute, way) is None


def _with_gradient(model: Model, compute: Callable[[], list[Tensor]]) -> list[Tensor]:
    """Return outputs, and the gradient of their mean square for all trained weights, flattened."""
    said = compute()
    squares = torch.stack([one.float().square().mean() for one in said]).sum()
    trained = [one for one in model.parameters() if one.requires_grad]
    found = torch.autograd.grad(squares, trained, materialize_grads=True)
    flat = torch.cat([one.float().flatten() for one in found])
    return [*(one.detach() for one in said), flat]


def _is_finite(model: Model, run: Callable[[], list[Tensor]]) -> bool:
    """Return whether a step with dropout is finite; the random state is restored afterwards."""
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        model.train()
        return all(bool(one.isfinite().all()) for one in run())


def are_alike(before: list[Tensor], after: list[Tensor], *, most: float = ALIKE) -> bool:
    """Return whether outputs are the same, up to a share of the largest; empty ones are."""
    return bool(before) and all(
        one.shape == other.shape
        and (not one.numel() or bool((one - other).abs().max() <= most * one.abs().max()))
        for one, other in zip(before, after, strict=True)
    )


def _on_cpu(model: Model) -> bool:
    return all(one.device.type == "cpu" for one in model.parameters())
