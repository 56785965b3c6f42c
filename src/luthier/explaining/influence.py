"""How much training rows moved a decision, estimated at the model's last layer.

TracIn, Pruthi et al. 2020, https://arxiv.org/abs/2002.08484, sections 3 and 4: a step of gradient
descent on training row i changes a decision F by -η ∇F · ∇L_i; over a training these changes are
summed. Of the weights, only those of the last layer count here (section 4.2), where the gradients
are outer products of a row for the outputs and the vector h that the layer reads:

    value_i = -(Σ_t η_t / n) (∂F/∂z · ∂L_i/∂z) (h · h_i + 1)

with outputs z, the 1 for the bias, Σ_t η_t the learning rates that the run recorded and n its
rows, as each is in one of so many. It is TracIn with one checkpoint: that of the finished model,
as a run keeps no others unless asked to. L_i is the loss that the recipe sets, F what the words
are explained by too: log-odds or the number itself. The log-odds' gradient is that of the loss of
the same answer, divided by p - 1: rows are ranked alike, and the values do not vanish where the
model is sure.

Values are in the unit of F as plain gradient descent would move it. Optimizers that scale
gradients move it otherwise: the order counts, not the size. Rows of large loss win by size; the
cosine of the two gradients leaves that out, as relative influence does (Barshan et al. 2020,
https://arxiv.org/abs/2003.11630, section 3, with an identity for the Hessian).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal, cast

import numpy as np
import torch

from luthier.errors import ModelError
from luthier.explaining.training_rows import TrainingRows
from luthier.explanation import Decision
from luthier.hf_types import ModelOutput
from luthier.objective import Objective
from luthier.ragged import Array
from luthier.training.losses import make_loss

Order = Literal["cosine", "dot"]


@dataclass(frozen=True)
class Influence:
    """A training row that moved a decision.

    Args:
        index: The training row.
        value: By how much, in the decision's unit; positive: towards it.
        cosine: Cosine between what the row asked for and what would raise the decision.
    """

    index: int
    value: float
    cosine: float

    def to_json(self, training: TrainingRows) -> dict[str, Any]:
        """Describe it as JSON, with the row's place, texts and answer."""
        return training.describe(self.index) | {"influence": self.value, "cosine": self.cosine}


@dataclass(frozen=True)
class Influences:
    """Influences of all training rows on one decision.

    Args:
        values: (rows,).
        cosines: (rows,).
    """

    values: Array
    cosines: Array

    def strongest(self, n: int, *, by: Order = "cosine") -> list[Influence]:
        """List the `n` rows that helped the decision most, then the `n` that spoke most against it.

        Rows of the wrong sign are not listed.
        """
        size = self.cosines if by == "cosine" else self.values
        order = np.argsort(-size, kind="stable")
        helpful = [row for row in order[:n] if size[row] > 0]
        harmful = [row for row in order[::-1][:n] if size[row] < 0]
        return [
            Influence(int(row), float(self.values[row]), float(self.cosines[row]))
            for row in (*helpful, *harmful)
        ]


class LastLayerGradients:
    """Gradients of the training rows' losses for the last layer, kept as factors.

    Args:
        training: The training rows.
        objective: The loss that the model was trained with.
        rates: Sum of the learning rates of all steps.

    Raises:
        ModelError: The model predicts by the votes of stored rows.
    """

    def __init__(self, training: TrainingRows, objective: Objective, *, rates: float):
        if training.layer.looks_up:
            raise ModelError(
                "This model has no weights that training rows could move: they vote themselves.",
                received="--influence",
                hint="--neighbours 5, which shows the votes",
            )
        self.training = training
        of_outputs, total = loss_slopes(training, objective)
        self.of_outputs = of_outputs  # (items, outputs)
        self.rate = rates / total
        self.read = self._with_bias(training.vectors.read)  # (items, width + 1)
        self.lengths = self._lengths()

    def on(self, decision: Decision, vector: Array, outputs: Array) -> Influences:
        """Estimate how much each training row moved a decision.

        Args:
            decision: The decision.
            vector: What the last layer reads of the item that decided, (width,).
            outputs: The model's outputs for it, (outputs,).
        """
        slopes, read = decision_slopes(decision, outputs), self._with_bias(vector[None])[0]
        of_items = -(self.of_outputs @ slopes) * (self.read @ read)
        dots = np.zeros(len(self.training.rows))
        np.add.at(dots, self.training.items.rows, of_items)
        length = np.linalg.norm(slopes) * np.linalg.norm(read)
        return Influences(dots * self.rate, dots / np.maximum(self.lengths * length, 1e-30))

    def _with_bias(self, read: Array) -> Array:
        """Add the input of the bias, where there is one."""
        read = read.astype(np.float64)
        if self.training.layer.bias is None:
            return read
        return np.concatenate([read, np.ones((len(read), 1))], axis=1)

    def _lengths(self) -> Array:
        """Return the norm of each row's gradient, summed over its items, (rows,)."""
        squares = (self.of_outputs**2).sum(axis=1) * (self.read**2).sum(axis=1)
        rows = self.training.items.rows
        of_rows = np.zeros(len(self.training.rows))
        np.add.at(of_rows, rows, squares)
        for row in np.flatnonzero(np.bincount(rows, minlength=len(of_rows)) > 1):
            items = np.flatnonzero(rows == row)
            summed = self.of_outputs[items].T @ self.read[items]  # (outputs, width + 1)
            of_rows[row] = (summed**2).sum()
        return np.sqrt(of_rows)


def loss_slopes(training: TrainingRows, objective: Objective) -> tuple[Array, float]:
    """Differentiate every item's loss by its outputs.

    Returns:
        The slopes, (items, outputs), and what the sum of all losses is divided by.
    """
    items, device = training.items, torch.device("cpu")
    loss = make_loss(objective, device)
    logits = torch.tensor(training.vectors.outputs, requires_grad=True)
    targets = torch.from_numpy(np.asarray(items.target_array))
    targets = targets if targets.is_floating_point() else targets.long()
    weights = None if items.weights is None else torch.from_numpy(items.weights.astype("float32"))
    outputs = cast("ModelOutput", SimpleNamespace(logits=logits))
    (slopes,) = torch.autograd.grad(loss.total(outputs, targets, weights), logits)
    return slopes.numpy().astype(np.float64), float(loss.weight(targets, weights))


def decision_slopes(decision: Decision, outputs: Array) -> Array:
    """Differentiate a decision by the outputs of its item, (outputs,)."""
    slopes = np.zeros(len(outputs))
    for choice in decision.choices:
        if choice.chosen is None:
            slopes[choice.outputs] += decision.scale if decision.is_number else 1.0
            continue
        others = np.array(outputs[choice.outputs], dtype=np.float64)
        others[choice.chosen] = -np.inf
        shares = np.exp(others - others.max())
        change = -shares / shares.sum()
        change[choice.chosen] = 1.0
        slopes[choice.outputs] += change
    return slopes
