"""Everything that the next training step depends on, saved as tensors and numbers.

    weights.safetensors     trained parameters, and buffers
    best.safetensors        the best on validation, if they differ from the current ones
    optimizer.safetensors   optimizer moments  random.safetensors   PyTorch's random states
    state.json              everything that is not a tensor

Where weights are sharded, each process writes its slices of the first three (`slices.py`). The
position in the data needs no entry: it follows from the number of steps. Next: `checkpoint.py`.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from luthier.distributed.group import group
from luthier.engines import Engine
from luthier.seeding import seed_of
from luthier.training.early_stopping import Best
from luthier.training.hooks import AllHooks
from luthier.training.loss_log import LossLog
from luthier.training.microbatches import MicroBatches
from luthier.training.model_calls import TensorBatch
from luthier.training.shards import all_finite, first_row, is_shard, is_sharded, like, local, whole
from luthier.training.slices import (
    Named,
    Pieces,
    Slice,
    Stored,
    read_tensors,
    write_slices,
    write_tensors,
)

NUMBERS = "state.json"


@dataclass(frozen=True)
class Captured:
    """A snapshot of the state.

    Args:
        tensors: File name to its tensors, which all processes hold.
        numbers: Everything else, as JSON.
        slices: File name to this process's slices of sharded tensors.
    """

    tensors: Mapping[str, Named]
    numbers: Mapping[str, Any]
    slices: Mapping[str, Mapping[str, Slice]] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Size on disk of what this process writes, except for a few kilobytes."""
        whole = [one for named in self.tensors.values() for one in named.values()]
        parts = [one.values for named in self.slices.values() for one in named.values()]
        return sum(one.nbytes for one in [*whole, *parts])

    def write(self, folder: Path, rank: int = 0) -> None:
        """Write the files of a process; an `OSError` means that they cannot be written."""
        if self.slices:
            write_slices(self.slices, folder, rank)
        if rank > 0:
            return
        for name, tensors in self.tensors.items():
            write_tensors(tensors, folder / f"{name}.safetensors")
        (folder / NUMBERS).write_text(json.dumps(self.numbers), encoding="utf-8")


@dataclass
class State:
    """The parts of a training that change at every step.

    Args:
        model: The model itself, without wrappers for several processes.
        engine: The engine, which holds the optimizer and the gradient scaler.
        schedule: The learning-rate schedule.
        best: The best score so far, and its weights.
        loss_log: The losses since the last log line.
        pieces: How batches are split into micro-batches.
        hooks: The regularisers.
    """

    model: nn.Module
    engine: Engine
    schedule: LRScheduler
    best: Best
    loss_log: LossLog
    pieces: MicroBatches
    hooks: AllHooks

    def capture(self, *, copy: bool = False) -> Captured:
        """Take a snapshot; `copy` if training continues before it is written."""
        moments, optimizer = _unfold(self.engine.optimizer.state_dict())
        scaler = self.engine.scaler
        tensors = {"weights": self._changing(), "optimizer": moments, "random": random_states()}
        if self.best.weights is not None:
            tensors["best"] = self.best.weights
        held = self.hooks.state_dict()
        if kept := {name: one for name, one in held.items() if isinstance(one, Tensor)}:
            tensors["hooks"] = kept
        whole, slices = _parted(tensors, copy=copy)
        return Captured(
            whole,
            {
                "optimizer": optimizer,
                "schedule": self.schedule.state_dict(),
                "scaler": scaler.state_dict() if scaler is not None else None,
                "best": {"score": self.best.score, "n_waited": self.best.n_waited},
                "window": self.loss_log.state_dict(),
                "pieces": self.pieces.n_pieces,
                "hooks": {name: one for name, one in held.items() if name not in kept},
                "random": random_numbers(),
            },
            slices,
        )

    def read(self, folder: Path) -> None:
        """Restore what `Captured.write` wrote to a folder."""
        files = read_tensors(folder)
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        changing = self._named()
        with torch.no_grad():
            for name, values in files["weights"].items():
                changing[name].copy_(_as(values, changing[name]))
        parameters = [
            one for group in self.engine.optimizer.param_groups for one in group["params"]
        ]
        moments = {
            key: _as(values, parameters[int(key.partition(".")[0])])
            for key, values in files.get("optimizer", {}).items()  # SGD has none
        }
        self.engine.optimizer.load_state_dict(_fold(moments, numbers["optimizer"]))
        self.engine.load_from_model()
        self.schedule.load_state_dict(numbers["schedule"])
        if self.engine.scaler is not None and numbers["scaler"]:
            self.engine.scaler.load_state_dict(numbers["scaler"])
        self.best.score = numbers["best"]["score"]
        self.best.n_waited = numbers["best"]["n_waited"]
        best = files.get("best")
        self.best.weights = None
        if best is not None:
            self.best.weights = {name: _as(one, changing[name]) for name, one in best.items()}
        self.loss_log.load_state_dict(numbers["window"])
        self.pieces.n_pieces = self.pieces.n_reported = numbers["pieces"]
        self.hooks.load_state_dict({**numbers.get("hooks", {}), **files.get("hooks", {})})
        set_random(cast("Named", files["random"]), numbers["random"])

    def _changing(self) -> Named:
        """Return the current values of what training changes."""
        self.engine.sync_model()
        return self._named()

    def _named(self) -> Named:
        """Return what training changes: parameters that require gradients, and saved buffers."""
        saved = self.model.state_dict(keep_vars=True)
        trained = {name: one for name, one in self.model.named_parameters() if one.requires_grad}
        buffers = {name: one for name, one in self.model.named_buffers() if name in saved}
        return {name: one.detach() for name, one in {**trained, **buffers}.items()}

    @property
    def is_sharded(self) -> bool:
        """Whether each process holds a part of it."""
        return is_sharded(self.model)

    @property
    def n_bytes(self) -> int:
        """Size of what training changes, without optimizer moments."""
        return sum(values.nbytes for values in self._named().values())

    def not_finite(self) -> str | None:
        """Return the name of a trained weight that is not finite, or None."""
        for name, values in self._changing().items():
            is_wrong = values.is_floating_point() and not all_finite(values)
            if group().largest(is_wrong) if self.is_sharded else is_wrong:
                return name
        return None

    def fixed(self) -> str:
        """Return the sha256 of frozen weights and all shapes: resuming needs the same model."""
        digest = hashlib.sha256()
        for name, parameter in self.model.named_parameters():
            digest.update(f"{name} {tuple(parameter.shape)} {parameter.requires_grad}".encode())
            if not parameter.requires_grad:
                values = whole(parameter.detach()).cpu().contiguous()
                digest.update(values.view(torch.uint8).numpy().data)
        return digest.hexdigest()


def seed_all(seed: int) -> None:
    """Seed PyTorch, and also NumPy and Python, from which some models draw."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def begin_share(batch: TensorBatch, *, again: bool = False) -> None:
    """Seed what is drawn for a share of a batch, or, to pass it `again`, something else."""
    if batch.seed is not None:
        seed_all(seed_of(batch.seed, "again") if again else batch.seed)


def random_states() -> Named:
    """Return PyTorch's random states."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda.{n}": one for n, one in enumerate(torch.cuda.get_rng_state_all())}
    return states


def random_numbers() -> dict[str, Any]:
    """Return the random states of Python and NumPy, from which some models draw."""
    drawn: dict[str, Any] = np.random.get_state(legacy=False)
    of_numpy = {**drawn, "state": {**drawn["state"], "key": drawn["state"]["key"].tolist()}}
    return {"python": random.getstate(), "numpy": of_numpy}


def set_random(states: Named, numbers: Mapping[str, Any]) -> None:
    """Restore random states, so that the same numbers are drawn again."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if f"cuda.{number}" in states:
                torch.cuda.set_rng_state(states[f"cuda.{number}"], number)
    version, inner, gauss = numbers["python"]
    random.setstate((version, tuple(inner), gauss))
    of_numpy = numbers["numpy"]
    key = np.array(of_numpy["state"]["key"], dtype=np.uint32)
    np.random.set_state({**of_numpy, "state": {**of_numpy["state"], "key": key}})


def _unfold(state: Mapping[str, Any]) -> tuple[Named, dict[str, Any]]:
    """Flatten an optimizer's state to tensors `PARAMETER.NAME` and the rest."""
    tensors: Named = {}
    rest: dict[str, Any] = {}
    for parameter, values in state["state"].items():
        for name, value in values.items():
            (tensors if isinstance(value, Tensor) else rest)[f"{parameter}.{name}"] = value
    return tensors, {"rest": rest, "groups": state["param_groups"]}


def _fold(tensors: Named, numbers: Mapping[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**tensors, **numbers["rest"]}.items():
        parameter, _, name = key.partition(".")
        state.setdefault(int(parameter), {})[name] = value
    return {"state": state, "param_groups": numbers["groups"]}


def _parted(
    tensors: Mapping[str, Mapping[str, Tensor]], *, copy: bool
) -> tuple[dict[str, Named], dict[str, dict[str, Slice]]]:
    """Put the tensors that every process holds, and slices of sharded ones, on the CPU."""
    wholes: dict[str, Named] = {}
    slices: dict[str, dict[str, Slice]] = {}
    for file, named in tensors.items():
        for name, one in named.items():
            kept = _on_cpu(local(one), copy=copy)
            if is_shard(one):
                slices.setdefault(file, {})[name] = Slice(kept, tuple(one.shape), first_row(one))
            else:
                wholes.setdefault(file, {})[name] = kept
    return wholes, slices


def _as(values: Stored, other: Tensor) -> Tensor:
    """Read a stored tensor: the part that this process needs where `other` is sharded."""
    if not is_shard(other):
        return values if isinstance(values, Tensor) else values.rows(0, values.shape[0])
    if values.shape != other.shape:  # the number of steps, beside moments
        return cast("Tensor", values)
    start = first_row(other)
    stop = start + local(other).shape[0]
    part = values.rows(start, stop) if isinstance(values, Pieces) else values[start:stop]
    return like(part, other)


def _on_cpu(tensor: Tensor, *, copy: bool) -> Tensor:
    kept = tensor.detach().cpu().contiguous()
    return kept.clone() if copy and kept.data_ptr() == tensor.data_ptr() else kept
