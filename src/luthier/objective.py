"""Names of training objectives; each engine maps a name to its own loss."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """The loss to train with, by name: each engine has its own implementation.

    Args:
        name: `cross-entropy`, `binary-cross-entropy`, `mean-squared-error`, `focal`,
            `token-cross-entropy`, `sequence-to-sequence`, `span`, `crf`, `contrastive`,
            `distillation` or `own` (the model computes its loss itself)
        class_weights: weight of each label, (labels,); None weighs all labels alike
        label_smoothing: share of the target probability spread over all labels, 0 to 1
        focal_gamma: exponent of the focal loss
        teaching: how the teacher's outputs enter the loss; only for `distillation`
    """

    name: str
    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    teaching: Teaching | None = None


@dataclass(frozen=True)
class Teaching:
    """How a student learns from a teacher's outputs, stored in the targets beside the gold.

    Args:
        hard: the loss against the gold
        n_answers: number of target columns that hold the gold; they come first
        n_outputs: number of target columns that hold the teacher's outputs; its states come last
        temperature: divisor of the outputs of both models before they are compared
        alpha: share of the teacher's loss in the total; the loss against the gold has the rest
    """

    hard: Objective
    n_answers: int
    n_outputs: int
    temperature: float
    alpha: float

    @property
    def is_id(self) -> bool:
        """Whether the gold of an item is the id of one label."""
        return self.hard.name in ("cross-entropy", "focal")
