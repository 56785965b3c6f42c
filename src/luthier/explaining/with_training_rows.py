"""Adds to explanations the training rows that are near, and those that moved the decision.

What is computed of the training rows is kept as long as the `Evidence` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from luthier.codec import Codec
from luthier.explaining.explain import Answered, Explanations
from luthier.explaining.head_layers import Traced
from luthier.explaining.influence import HeadGradients, decision_slopes
from luthier.explaining.neighbours import nearest
from luthier.explaining.rates import sum_of_rates
from luthier.explaining.training_rows import TrainingRows, read_training_rows, refuse_other_tasks
from luthier.explanation import Decision, Explanation
from luthier.hf_types import Model
from luthier.records import Rows, StepInfo
from luthier.runs import RunFolder
from luthier.training.listeners import follow
from luthier.training.model_calls import TensorBatch


@dataclass
class Evidence:
    """A run's training rows as evidence for its answers.

    Args:
        folder: The finished run.
        model: Its model.
        codec: Its codec.
        rows: Its training rows, with their answers.
        listener: Called with every batch of training rows.
    """

    folder: RunFolder
    model: Model
    codec: Codec
    rows: Rows
    listener: Callable[[StepInfo], None] = lambda info: None
    _training: TrainingRows | None = field(default=None, init=False)
    _gradients: HeadGradients | None = field(default=None, init=False)

    def add(
        self,
        explained: Iterable[Explanations],
        answered: Answered,
        *,
        neighbours: int = 0,
        influence: int = 0,
    ) -> Iterator[Explanations]:
        """Add the nearest and the most influential training rows to explanations.

        Args:
            explained: The explanations of each row, in the order of the rows.
            answered: The rows.
            neighbours: How many nearest training rows to list.
            influence: How many rows to list that helped, and how many that spoke against.

        Raises:
            DataError: The task judges no whole texts.
            ModelError: The model's last layer is not known, or votes are what it predicts by.
            RunError: Its head was fitted in closed form.
        """
        gradients = self.gradients() if influence else None
        training = self.training()

        def with_rows(one: Explanation, answer: Any) -> Explanation:
            seen, made = self.trace(one.decision, answered), one
            if neighbours:
                near = nearest(
                    training, seen.vectors[0], neighbours, decision=one.decision, answer=answer
                )
                made = replace(made, neighbours=[found.to_json(training) for found in near])
            if gradients is not None:
                strong = [
                    found.to_json(training) for found in gradients.on(seen).strongest(influence)
                ]
                made = replace(made, influential=strong)
            return made

        for of_row, answer in zip(explained, answered.predictions.answers, strict=True):
            yield Explanations(with_rows(one, answer) for one in of_row)

    def training(self) -> TrainingRows:
        """Return the training rows as the model sees them; they are read once."""
        if self._training is None:
            settings = self.folder.recipe().training
            objective = self.codec.objective(
                self.codec.gold(self.rows), label_smoothing=settings.label_smoothing_factor
            )
            steps = read_training_rows(
                self.model, self.codec, self.rows, objective, batch_size=self._batch_size
            )
            self._training = follow(steps, self.listener)
        return self._training

    def gradients(self) -> HeadGradients:
        """Return the gradients of the training rows for the head; they are computed once."""
        if self._gradients is None:
            refuse_other_tasks(self.codec)
            rates = sum_of_rates(self.folder)
            self._gradients = HeadGradients(self.training(), rates=rates)
        return self._gradients

    def trace(self, decision: Decision, answered: Answered) -> Traced:
        """Find what the head reads of the item that decided, and the decision's slopes."""

        def worth(outputs: Tensor, batch: TensorBatch) -> Tensor:
            slopes = decision_slopes(decision, outputs[0].detach().cpu().numpy())
            return (outputs[0] * torch.from_numpy(slopes).to(outputs)).sum()

        items = np.array([decision.item])
        return self.training().head.traced(self.codec, answered.items, items, worth)

    @property
    def _batch_size(self) -> int:
        return self.folder.recipe().training.per_device_eval_batch_size
