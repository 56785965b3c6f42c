"""How much training rows moved a decision, estimated at the layers of the model's head.

TracIn, Pruthi et al. 2020, https://arxiv.org/abs/2002.08484, sections 3 and 4: a step of gradient
descent on training row i changes a decision F by -η ∇F · ∇L_i; over a training these changes are
summed. Of the weights, only those of the head count here (section 4.2): the layers that read one
vector of a text, a pooler and hidden layers included. There, gradients are outer products of the
slopes at a layer's outputs z and the vector h that it reads:

    value_i = -(Σ_t η_t / n) Σ_layers (∂F/∂z · ∂L_i/∂z) (h · h_i + 1)

with the 1 for the bias, Σ_t η_t the learning rates that the run recorded and n its rows, as each is
in one of so many. It is TracIn with one checkpoint: that of the finished model, as a run keeps no
others unless asked to. L_i is the loss that the recipe sets, F what the words are explained by too:
log-odds or the number itself. The log-odds' gradient is that of the loss of the same answer,
divided by p - 1: rows are ranked alike, and the values do not vanish where the model is sure.

Values are in the unit of F as plain gradient descent would move it. Optimizers that scale
gradients move it otherwise: the order counts, not the size. Rows of large loss win by size; the
cosine of the two gradients leaves that out, as relative influence does (Barshan et al. 2020,
https://arxiv.org/abs/2003.11630, section 3, with an identity for the Hessian).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from luthier.errors import ModelError
from luthier.explaining.head_layers import Traced
from luthier.explaining.training_rows import TrainingRows
from luthier.explanation import Decision
from luthier.ragged import Array

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


class HeadGradients:
    """Gradients of the training rows' losses for the layers of the head, kept as factors.

    Args:
        training: The training rows.
        rates: Sum of the learning rates of all steps.

    Raises:
        ModelError: The model predicts by the votes of stored rows.
    """

    def __init__(self, training: TrainingRows, *, rates: float):
        if training.head.lookup is not None:
            raise ModelError(
                "This model has no weights that training rows could move: they vote themselves.",
                received="--influence",
                hint="--neighbours 5, which shows the votes",
            )
        self.training, self.rate = training, rates / training.weight
        self.lengths = self._lengths()

    def on(self, traced: Traced) -> Influences:
        """Estimate how much each training row moved a decision.

        Args:
            traced: What the head reads of the item that decided, and the decision's slopes.
        """
        of_items, square = np.zeros(len(self.training.items)), 0.0
        own = self.training.traced
        for name in traced.slopes:
            bias = float(own.has_bias[name])
            read, slopes = (exact(one[name][0]) for one in (traced.read, traced.slopes))
            alike = exact(own.read[name]) @ read + bias
            of_items -= (exact(own.slopes[name]) @ slopes) * alike
            square += float((slopes**2).sum() * ((read**2).sum() + bias))
        dots = np.zeros(len(self.training.rows))
        np.add.at(dots, self.training.items.rows, of_items)
        lengths = np.maximum(self.lengths * np.sqrt(square), 1e-30)
        return Influences(dots * self.rate, dots / lengths)

    def _lengths(self) -> Array:
        """Return the norm of each row's gradient, summed over its items, (rows,)."""
        own, rows = self.training.traced, self.training.items.rows
        of_rows = np.zeros(len(self.training.rows))
        windowed = np.flatnonzero(np.bincount(rows, minlength=len(of_rows)) > 1)
        for name, slopes in own.slopes.items():
            read, slopes = exact(own.read[name]), exact(slopes)
            bias = float(own.has_bias[name])
            squares = np.zeros(len(of_rows))
            np.add.at(squares, rows, (slopes**2).sum(axis=1) * ((read**2).sum(axis=1) + bias))
            for row in windowed:  # the gradients of its windows are summed, not their squares
                items = np.flatnonzero(rows == row)
                both = (slopes[items] @ slopes[items].T) * (read[items] @ read[items].T + bias)
                squares[row] = both.sum()
            of_rows += squares
        return np.sqrt(np.maximum(of_rows, 0.0))


def exact(values: Array) -> Array:
    """Return values in double precision: products of many small ones are summed."""
    return values.astype(np.float64)


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
