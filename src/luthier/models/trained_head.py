"""Let a checkpoint that was already trained on labels go on: the rows of its head follow the names.

The last layer of a head has one row of weights for each label. A checkpoint names its rows
(`id2label`), and the task may have the same names in another order, some of them, or others. Names
are compared without regard to case where that leaves them distinct. Names that are mere numbers
(`LABEL_0`, `0`) say nothing. Before this: `weights.py`; next: `load.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from luthier.hf_types import Config, Model
from luthier.models.structure import FRESH, MISFIT, trunk

NOTE = "note_on_head"  # attribute of a model: what became of its checkpoint's head
NUMBERED = re.compile(r"(LABEL_)?\d+", re.IGNORECASE)
ONE_OUTPUT = "The checkpoint's head, which has one output, goes on."
SHOWN = 5


class Carried(NamedTuple):
    """Which row of a checkpoint's head each label gets.

    Args:
        rows: Row of the checkpoint's head for every label of the task; None: a fresh row.
        note: What became of the head, in a sentence; None if it fits as it is.
    """

    rows: tuple[int | None, ...]
    note: str | None


def names_in(config: Config) -> tuple[str, ...]:
    """Return the names of a checkpoint's labels in the order of its head's rows."""
    names: Mapping[Any, str] = config.id2label or {}
    return tuple(str(names[row]) for row in sorted(names, key=int))


def carry(before: Sequence[str], labels: Sequence[str]) -> Carried:
    """Decide which rows of a checkpoint's head go on.

    Args:
        before: The checkpoint's labels, in the order of its head's rows.
        labels: The task's labels, in the order of the new head's rows.

    >>> carry(["POSITIVE", "NEGATIVE"], ["negative", "positive"]).rows
    (1, 0)
    >>> carry(["LABEL_0", "LABEL_1"], ["no", "yes"]).rows
    (0, 1)
    >>> carry(["sad", "glad"], ["glad", "angry"]).rows
    (1, None)
    """
    if len(before) == len(labels) == 1:
        return Carried((0,), ONE_OUTPUT)
    place = {name: row for row, name in enumerate(_compared(before, labels))}
    rows = tuple(place.get(name) for name in _compared(labels, before))
    kept = [label for label, row in zip(labels, rows, strict=True) if row is not None]
    if len(kept) == len(labels) == len(before):
        if rows == tuple(range(len(labels))):
            return Carried(rows, None)
        return Carried(
            rows,
            "The checkpoint's head has the task's labels in another order: "
            "its rows were put in the task's order, by name.",
        )
    if not kept and (_say_nothing(before) or _say_nothing(labels)):
        return _in_place(before, labels)
    fresh = [label for label, row in zip(labels, rows, strict=True) if row is None]
    dropped = [name for row, name in enumerate(before) if row not in rows]
    if not kept:
        return Carried(
            rows,
            f"The checkpoint's head was trained for other labels ({_listed(before)}): "
            "its last layer starts fresh.",
        )
    parts = [f"{_listed(kept)} {'goes' if len(kept) == 1 else 'go'} on with the rows of its head"]
    if fresh:
        parts.append(f"{_listed(fresh)} {'starts' if len(fresh) == 1 else 'start'} fresh")
    if dropped:
        parts.append(f"{_listed(dropped)} of the checkpoint {_is(dropped)} left out")
    return Carried(rows, f"The checkpoint's head has other labels too: {'; '.join(parts)}.")


def _in_place(before: Sequence[str], labels: Sequence[str]) -> Carried:
    """Keep the rows in their order where names say nothing and counts agree."""
    if len(before) != len(labels):
        return Carried((None,) * len(labels), None)
    pairs = [f"{name} as {label}" for name, label in zip(before, labels, strict=True)]
    return Carried(
        tuple(range(len(labels))),
        "The names of the labels do not tell which row of the checkpoint's head is whose: "
        f"its rows go on in their order ({_listed(pairs)}).",
    )


def _compared(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return names as they are compared: without case, if both sides stay distinct."""
    for side in (names, others):
        if len({name.strip().casefold() for name in side}) < len(side):
            return list(names)
    return [name.strip().casefold() for name in names]


def _say_nothing(names: Sequence[str]) -> bool:
    return all(NUMBERED.fullmatch(name.strip()) for name in names)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def is_trained_for(model: Model, before: Sequence[str], labels: Sequence[str]) -> bool:
    """Return whether a checkpoint's head answers with all labels of a task as it is.

    Args:
        model: The model, as `build_model` read it with the task's labels.
        before: The checkpoint's labels.
        labels: The task's labels; none where its head writes words.
    """
    if getattr(model, FRESH, ()):
        return False
    return not labels or None not in carry(before, labels).rows


def last_layer(model: Model, n_labels: int) -> tuple[str, nn.Linear] | None:
    """Find the last linear layer of a head, which has a row for each label; None without one."""
    inside = {id(module) for module in trunk(model).modules()}
    found = [
        (name, module)
        for name, module in model.named_modules()
        if id(module) not in inside
        and isinstance(module, nn.Linear)
        and module.out_features == n_labels
    ]
    return found[-1] if found else None


def carry_head(
    model: Model,
    before: Sequence[str],
    labels: Sequence[str],
    *,
    reread: Callable[[], Model],
) -> str | None:
    """Give each label the row that the checkpoint's head has for it.

    Args:
        model: The model, read with the task's labels; its head is changed in place.
        before: The checkpoint's labels.
        labels: The task's labels.
        reread: Reads the model again with the checkpoint's labels, for heads of another size.

    Returns:
        What became of the head, in a sentence; None if there is nothing to say.
    """
    found = last_layer(model, len(labels))
    if found is None:
        return None
    name, layer = found
    weight = f"{name}.weight"
    if weight in getattr(model, FRESH, ()):
        return None  # the checkpoint has no such head
    is_misfit = weight in getattr(model, MISFIT, ())
    if not is_misfit and len(before) != len(labels):  # its configuration does not describe it
        before = [f"LABEL_{row}" for row in range(len(labels))]
    carried = carry(before, labels)
    if not is_misfit:
        if carried.rows != tuple(range(len(labels))):
            _put_rows(model, layer, layer, carried.rows)
    elif any(row is not None for row in carried.rows):
        trained = last_layer(reread(), len(before))
        if trained is None:
            return None
        _put_rows(model, layer, trained[1], carried.rows)
    return carried.note


def _put_rows(
    model: Model, layer: nn.Linear, source: nn.Linear, rows: Sequence[int | None]
) -> None:
    """Fill a layer with rows of another; rows of None are drawn as the family draws them."""
    old = {name: one.detach().clone() for name, one in source.named_parameters(recurse=False)}
    for name, one in layer.named_parameters(recurse=False):
        setattr(layer, name, nn.Parameter(torch.empty_like(one)))  # unmarked, so it is drawn again
    cast(Any, model)._init_weights(layer)
    with torch.no_grad():
        for name, one in layer.named_parameters(recurse=False):
            for row, old_row in enumerate(rows):
                if old_row is not None:
                    one[row] = old[name][old_row]
