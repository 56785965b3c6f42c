"""What a training aims at, by name, so that each engine can bring its own loss."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Objective:
    """The loss to train with, by name, so that each engine can bring its own.

    Args:
        name: `cross-entropy`, `binary-cross-entropy`, `mean-squared-error`, `focal`,
            `token-cross-entropy`, `sequence-to-sequence`, `span`, `crf`, `contrastive`,
            `distillation` or `own` (the model gives its loss itself).
        class_weights: Weight of each label, (labels,), or None.
        label_smoothing: Share of the target spread over all labels, 0 to 1.
        focal_gamma: Exponent of the focal loss.
        teaching: For `distillation`, from whom else to learn.
    """

    name: str
    class_weights: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    teaching: Teaching | None = None


@dataclass(frozen=True)
class Teaching:
    """How a student learns from a teacher's outputs, which stand beside the true answers.

    Args:
        hard: The loss against the true answers.
        n_answers: Columns of the targets that hold the true answers; they come first.
        n_outputs: Columns that hold the teacher's outputs; its states, if any, come last.
        temperature: By which outputs are divided before they are compared.
        alpha: Share of the teacher in the loss; the rest is that of the true answers.
    """

    hard: Objective
    n_answers: int
    n_outputs: int
    temperature: float
    alpha: float

    @property
    def is_id(self) -> bool:
        """Whether a true answer is the id of one label."""
        return self.hard.name in ("cross-entropy", "focal")
