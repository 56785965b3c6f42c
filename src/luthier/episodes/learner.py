"""A model that is trained on episodes, each of which is one item to the training loop.

So resuming, checks and microbatches are the loop's own. Next: `adaptation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from luthier.codec import LOSS
from luthier.episodes.adaptation import LinearHead, Tensors
from luthier.episodes.plan import Plan
from luthier.episodes.sampler import Shape
from luthier.items import Batch, ItemField, Items
from luthier.models.heads import PooledClassifier
from luthier.models.wrapper import HeadOutput
from luthier.ragged import Array
from luthier.records import Outputs, Rows

EPISODE = "episode"  # name of the input that holds the items of each episode


@dataclass(frozen=True)
class Episode:
    """One small task.

    Args:
        rows: Model inputs of all rows, each (ways * (shots + queries), tokens), class by class.
        shape: Size of the episode.
    """

    rows: Tensors
    shape: Shape

    def part(self, start: int, end: int) -> Tensors:
        """Take rows `start` to `end` of every class, each (ways * (end - start), tokens)."""
        ways, of_class = self.shape.ways, self.shape.of_class
        return {
            name: values.reshape(ways, of_class, *values.shape[1:])[:, start:end].flatten(0, 1)
            for name, values in self.rows.items()
        }

    @property
    def support(self) -> Tensors:
        """The rows to learn from."""
        return self.part(0, self.shape.shots)

    @property
    def query(self) -> Tensors:
        """The rows to be classified."""
        return self.part(self.shape.shots, self.shape.of_class)

    def every(self, first: int, nth: int) -> tuple[Tensors, Tensor]:
        """Take every `nth` row of each class from `first` on, with their classes."""
        chosen = range(self.shape.of_class)[first::nth]
        picked = [self.part(place, place + 1) for place in chosen]  # each (ways, tokens)
        rows = {name: torch.cat([one[name] for one in picked]) for name in self.rows}
        return rows, self.classes(1).repeat(len(picked))

    def classes(self, n: int) -> Tensor:
        """Number the classes of `n` rows of each, (ways * n,)."""
        device = next(iter(self.rows.values())).device
        return torch.arange(self.shape.ways, device=device).repeat_interleave(n)


Study = Callable[[PooledClassifier, Episode], Tensor]


class EpisodeLearner(nn.Module):
    """Returns logits of an episode's queries in training, and features of rows otherwise.

    Args:
        model: The trunk and its pooling, without the last layer, so that it returns features.
        shape: Size of episodes.
        study: Computes from the model and an episode the logits of its queries (queries, ways), or
            a loss, a scalar whose gradient the optimizer follows.
    """

    def __init__(self, model: PooledClassifier, shape: Shape, study: Study):
        super().__init__()
        self.model, self.shape, self.study = model, shape, study

    def gradient_checkpointing_enable(self) -> None:
        """Recompute the trunk's activations in the backward pass, which saves memory."""
        self.model.gradient_checkpointing_enable()

    def forward(self, **batch: Tensor) -> HeadOutput:
        """Run episodes (episodes, rows, tokens), or compute features of rows (rows, tokens).

        Returns:
            `logits` (episodes, ways, queries), the order of `cross_entropy`, or (rows, width); or
            `loss`, summed over episodes, if `study` computes losses.
        """
        if batch["attention_mask"].ndim == 2:
            features: HeadOutput = self.model(**batch)
            return features
        n_episodes = len(batch["attention_mask"])
        said = torch.stack(
            [
                self.study(self.model, Episode({k: one[n] for k, one in batch.items()}, self.shape))
                for n in range(n_episodes)
            ]
        )
        if said.ndim == 1:
            return HeadOutput(loss=said.sum())
        return HeadOutput(logits=said.transpose(1, 2))


def encode_episodes(items: Items, plan: Plan) -> Items:
    """Make every planned episode one item, its rows named by `row_of`, (episodes, rows)."""
    chosen = plan.items.reshape(len(plan), -1)
    classes = np.repeat(np.arange(plan.shape.ways), plan.shape.queries)
    return replace(
        items,
        inputs={EPISODE: ItemField(chosen)},
        targets=ItemField(np.tile(classes, (len(plan), 1))),
        cost=np.ones(len(plan), dtype=np.int64),
        row_of=items.rows[chosen],
        kept_lengths=None,
        weights=None,
        groups=None,
    )


class EpisodeCodec:
    """A task's codec, whose training batches are episodes and whose outputs come from their head.

    Args:
        codec: The task's.
        rows: The items that episodes are made of.
        learn_head: Makes the head of the class means of all training rows.
    """

    def __init__(self, codec: Any, rows: Items, learn_head: Callable[[], LinearHead]):
        self._codec, self._rows, self._learn_head = codec, rows, learn_head

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)

    def batch(
        self, items: Items, chosen: Array, *, kind: str = LOSS, epoch: int = 0
    ) -> Batch[Array]:
        """Make a batch of episodes: their rows padded alike, their queries' classes as targets.

        Returns:
            Inputs (episodes, rows, tokens) and targets (episodes, queries).
        """
        if EPISODE not in items.inputs:
            made: Batch[Array] = self._codec.batch(items, chosen, kind=kind, epoch=epoch)
            return made
        rows = np.asarray(items.inputs[EPISODE].values)[chosen]  # (episodes, rows)
        flat = self._codec.batch(self._rows, rows.reshape(-1), epoch=epoch)
        inputs = {
            name: values.reshape(*rows.shape, *values.shape[1:])
            for name, values in flat.inputs.items()
        }
        targets = items.target_array[chosen]
        return Batch(inputs, targets, len(chosen))

    def outputs(self, inferred: Mapping[str, Any], items: Items, rows: Rows) -> Outputs:
        """Turn features into outputs, by a head of class means."""
        head, features = self._learn_head(), inferred["logits"]
        weight, bias = head.weight.cpu().numpy(), head.bias.cpu().numpy()
        logits = features @ weight.T + bias if len(features) else features
        return self._codec.outputs({**inferred, "logits": logits}, items, rows)
