"""Put the speed-ups into a model for a while: each where it fits, and where a trial agrees.

The trial runs a few rows with and without. What differs by more than rounding is not used, and the
caller is told: speed is never bought by another function.
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

ALIKE = 1e-4  # largest difference of outputs, against the largest output
ROUNDED = 5e-2  # likewise, of a model that computes in 16 bits or fewer
FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)
KNOWN = (PreTrainedModel, PooledClassifier, CrfTagger)  # ours take a trunk's states as they are


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
    """Have a model compute the same with less work, and as ever afterwards.

    Args:
        model: On a CPU; on other devices nothing is changed, unless it is `far`.
        compute: Runs the model on a few padded rows, and gives those of its outputs that count;
            None: such rows cannot be, and nothing is left out for them.
        unpadded: Whether blocks leave padding out.
        cls_only: Whether the last block computes only what the head reads, where that is one token.
        fast_dropout: Whether masks of dropout are drawn cheaply.
        vocabulary: The words in use, where the others shall be left out.
        far: Whether the model is on a device, and padding is left out there too.

    Yields:
        Why padding is not left out, where it was asked for and cannot be; else None.
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
            unpadded = False  # it is in already, as where a training is evaluated
        if unpadded and not is_known:
            reason = "the model is wrapped by what needs all of its states"
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
        return "it is no model of Transformers"
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
    return f"{inner.config.model_type} computes otherwise without it ({reasons[0]})"


def ways_of(model: Model, inner: Model, *, cls_only: bool = True) -> Iterator[list[Unpadded]]:
    """Give the ways to leave out padding, the fastest first: each is what to put into which stack.

    Attention goes by the interface of Transformers, or is the family's own; a decoder may keep its
    padding where an encoder need not.

    Args:
        model: What is trained.
        inner: The model of Transformers in it.
        cls_only: Whether the last block may compute only the token that the head reads.

    Raises:
        ModelError: Its blocks cannot be found.
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
    if not is_whole:  # the lower ones give stored states
        blocks, n_calls = computing, len(computing)
    chosen = read_token(model, inner) if cls_only else None
    yield [Unpadded(trunk(inner), blocks, n_calls, chosen, is_whole=is_whole)]
    yield [Unpadded(trunk(inner), blocks, n_calls, own_attention=True)]


def read_token(model: Model, inner: Model) -> Chosen | None:
    """Say which token of each row a head reads, where it is one."""
    if isinstance(model, PooledClassifier):
        return "first" if model.pooling_name == "cls" else None
    if not type(inner).__name__.endswith("ForSequenceClassification"):
        return None
    read = read_place(inner)
    return None if read == "mean" else read


def why_not(
    model: Model, compute: Callable[[], list[Tensor]], way: list[Unpadded], *, far: bool = False
) -> str | None:
    """Try out whether a model gives the same without padding, dropout off; say where it does not.

    On a device, kernels are chosen by what is asked of them: there gradients are compared as well,
    and a step with dropout must come to numbers.
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
            except (
                FAILURES
            ) as problem:  # its attention lets no others stand in for it, or no kernel
                return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
    finally:
        model.train(was_training)
    is_rounded = any(one.dtype.itemsize < 4 for one in (*model.parameters(), *before))
    if not is_finite or not are_alike(before, after, most=ROUNDED if is_rounded else ALIKE):
        return "its outputs or gradients differ"
    return None


def agrees(model: Model, compute: Callable[[], list[Tensor]], way: list[Unpadded]) -> bool:
    """Say whether a model gives the same without padding, dropout off."""
    return why_not(model, compute, way) is None


def _with_gradient(model: Model, compute: Callable[[], list[Tensor]]) -> list[Tensor]:
    """Give outputs, and the gradient of their squares after all that is trained, as one tensor."""
    said = compute()
    squares = torch.stack([one.float().square().mean() for one in said]).sum()
    trained = [one for one in model.parameters() if one.requires_grad]
    found = torch.autograd.grad(squares, trained, materialize_grads=True)
    flat = torch.cat([one.float().flatten() for one in found])
    return [*(one.detach() for one in said), flat]


def _is_finite(model: Model, run: Callable[[], list[Tensor]]) -> bool:
    """Say whether a step with dropout comes to numbers; what it draws is drawn again later."""
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        model.train()
        return all(bool(one.isfinite().all()) for one in run())


def are_alike(before: list[Tensor], after: list[Tensor], *, most: float = ALIKE) -> bool:
    """Say whether outputs are the same, up to a share of the largest."""
    return bool(before) and all(
        one.shape == other.shape and bool((one - other).abs().max() <= most * one.abs().max())
        for one, other in zip(before, after, strict=True)
    )


def _on_cpu(model: Model) -> bool:
    return all(one.device.type == "cpu" for one in model.parameters())
