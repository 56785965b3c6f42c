"""Support for learned prompts: room before the text, and outputs for its own tokens only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luthier.errors import ModelError
from luthier.hf_types import Model
from luthier.job import Job
from luthier.ragged import Ragged
from luthier.text.tokenize import positions_of

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import nn

OF_TOKENS = {"logits": 3, "start_logits": 2, "end_logits": 2}  # outputs per token, and their axes


def refuse_no_room(model: Model, job: Job, *, n_tokens: int) -> None:
    """Raise if the longest text and the prompt need more positions than the model has.

    Raises:
        ModelError: They do.
    """
    most = positions_of(model.config)
    longest = max(int(one.cost.max(initial=0)) for one in job.problem.items.values())
    if longest + n_tokens > most:
        raise ModelError(
            f"The model reads {most} tokens, and the prompt takes {n_tokens} of them.",
            received=f"a text of {longest} tokens",
            hint=f"data.max_tokens={most - n_tokens}",
        )


def unpacked(job: Job) -> Job:
    """Undo packing, as a prompt is prepended to a single text, not to a block of several."""
    train = job.problem.items["train"]
    if "position_ids" not in train.inputs:
        return job
    blocks, labels = train.inputs["input_ids"], train.targets
    ids, positions = blocks.values, train.inputs["position_ids"].values
    if not (isinstance(ids, Ragged) and isinstance(positions, Ragged) and labels is not None):
        raise TypeError("packed blocks are ragged")
    offsets = np.append(np.flatnonzero(positions.values == 0), len(ids.values))
    apart = Ragged(ids.values, offsets)
    targets = replace(labels, values=Ragged(labels.values.values, offsets))  # type: ignore[union-attr]
    alone = replace(
        train,
        inputs={"input_ids": replace(blocks, values=apart, mask="attention_mask")},
        targets=targets,
        cost=apart.lengths,
    )
    return job.with_problem(items={**job.problem.items, "train": alone})


def say_of_tokens(wrapped: PeftModel) -> PeftModel:
    """Make a model with a prompt return outputs for the text's tokens only."""

    def without_types(model: nn.Module, args: Any, given: dict[str, Any]) -> Any:
        types = given.get("token_type_ids")
        if types is not None and not types.any():  # single texts; peft would warn
            given = {name: one for name, one in given.items() if name != "token_type_ids"}
        return args, given

    def trim(model: nn.Module, args: Any, given: dict[str, Any], said: Any) -> Any:
        ids = given.get("decoder_input_ids", given.get("input_ids"))
        for name, n_axes in OF_TOKENS.items():
            values = getattr(said, name, None)
            if values is not None and ids is not None and values.ndim == n_axes:
                said[name] = values[:, -ids.shape[1] :]
        return said

    wrapped.register_forward_pre_hook(without_types, with_kwargs=True)
    wrapped.register_forward_hook(trim, with_kwargs=True)
    return wrapped
