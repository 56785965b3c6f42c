"""Adds to explanations the training rows that are near, and those that moved the decision.

What is computed of the training rows is kept as long as the `Evidence` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from luthier.codec import Codec
from luthier.explaining.explain import Answered, Explanations
from luthier.explaining.influence import LastLayerGradients
from luthier.explaining.last_layer import Vectors, read_vectors
from luthier.explaining.neighbours import nearest
from luthier.explaining.rates import sum_of_rates
from luthier.explaining.training_rows import TrainingRows, read_training_rows, refuse_other_tasks
from luthier.explanation import Explanation
from luthier.hf_types import Model
from luthier.records import Rows, StepInfo
from luthier.runs import RunFolder
from luthier.training.listeners import follow


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
    _gradients: LastLayerGradients | None = field(default=None, init=False)

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
            ModelError: The model has no last layer that is known, or none that is trained.
            RunError: Its last layer was fitted in closed form.
        """
        gradients = self.gradients() if influence else None
        training, seen = self.training(), self._read(answered)

        def with_rows(one: Explanation, answer: Any) -> Explanation:
            item, made = one.decision.item, one
            if neighbours:
                near = nearest(
                    training, seen.read[item], neighbours, decision=one.decision, answer=answer
                )
                made = replace(made, neighbours=[found.to_json(training) for found in near])
            if gradients is not None:
                moved = gradients.on(one.decision, seen.read[item], seen.outputs[item])
                strong = [found.to_json(training) for found in moved.strongest(influence)]
                made = replace(made, influential=strong)
            return made

        for of_row, answer in zip(explained, answered.predictions.answers, strict=True):
            yield Explanations(with_rows(one, answer) for one in of_row)

    def training(self) -> TrainingRows:
        """Return the training rows as the model sees them; they are read once."""
        if self._training is None:
            steps = read_training_rows(
                self.model, self.codec, self.rows, batch_size=self._batch_size
            )
            self._training = follow(steps, self.listener)
        return self._training

    def gradients(self) -> LastLayerGradients:
        """Return the gradients of the training rows for the last layer; they are computed once."""
        if self._gradients is None:
            refuse_other_tasks(self.codec)
            rates = sum_of_rates(self.folder)
            training, settings = self.training(), self.folder.recipe().training
            objective = self.codec.objective(
                training.gold, label_smoothing=settings.label_smoothing_factor
            )
            self._gradients = LastLayerGradients(training, objective, rates=rates)
        return self._gradients

    def _read(self, answered: Answered) -> Vectors:
        steps = read_vectors(
            self.model,
            self.training().layer,
            self.codec,
            answered.items,
            batch_size=self._batch_size,
            phase="reading the rows",
        )
        return follow(steps, lambda info: None)

    @property
    def _batch_size(self) -> int:
        return self.folder.recipe().training.per_device_eval_batch_size
