"""The processes of a run that torchrun, Accelerate or `luthier run --processes` started."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from luthier import ranks
from luthier.declarations import JSON
from luthier.distributed.failures import (
    FAILURE,
    HEARD,
    PATIENCE,
    SAID,
    GoneError,
    as_failure,
    is_about_others,
    raise_failure,
)
from luthier.distributed.group import Group
from luthier.ragged import Array

TIMEOUT = "LUTHIER_PROCESS_TIMEOUT"  # seconds that an exchange may take; else:
SECONDS = 120.0
LONG = timedelta(days=30)  # others may wait this long for what one does alone
BUCKET = 2**25  # bytes of gradients that are summed at once


class _Kept:
    """The store, for all runs of this process: it listens at one port."""

    store: Store | None = None
    n_joined = 0


class Several(Group):
    """Processes that torchrun, Accelerate or `luthier run --processes` started.

    Raises:
        TrainingError: The processes cannot reach each other.
    """

    def __init__(self) -> None:
        self.rank, self.size = ranks.rank(), ranks.n_processes()
        self.seconds = float(os.environ.get(TIMEOUT, SECONDS))
        limit = timedelta(seconds=self.seconds)
        is_far = torch.cuda.is_available()
        if is_far:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        with self.noticing():
            if _Kept.store is None:
                _Kept.store, _, _ = next(rendezvous("env://", timeout=limit))
            _Kept.n_joined += 1  # nothing of an earlier run is read
            store = PrefixStore(f"luthier-{_Kept.n_joined}", _Kept.store)
            self._store: Store = store
            distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if is_far else "gloo",
                store=PrefixStore("group", store),
                rank=self.rank,
                world_size=self.size,
                timeout=limit,
            )
            self._patient: ProcessGroup = distributed.new_group(backend="gloo", timeout=LONG)

    def sum(self, values: Tensor) -> Tensor:
        """Sum a tensor over the processes, in place."""
        with self.noticing():
            distributed.all_reduce(values)
        return values

    def sum_gradients(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
        """Sum gradients over the processes, in place; return the summed loss."""
        trained = [one for one in parameters if one.requires_grad]
        has = [float(one.grad is not None) for one in trained]
        head = torch.tensor([0.0, *has], dtype=torch.float64, device=loss.device)
        head[0] = loss
        self.sum(head)
        kept = [one for one, n in zip(trained, head[1:].tolist(), strict=True) if n > 0]
        for one in kept:
            if one.grad is None:  # no row of this process's share reached it
                one.grad = torch.zeros(one.shape, dtype=one.dtype, device=one.device)
        for bucket in _buckets([one.grad for one in kept if one.grad is not None]):
            flat = self.sum(torch.cat([gradient.flatten() for gradient in bucket]))
            parts = flat.split([gradient.numel() for gradient in bucket])
            for gradient, summed in zip(bucket, parts, strict=True):
                gradient.copy_(summed.view_as(gradient))
        return head[0].to(loss.dtype)

    def largest(self, value: int) -> int:
        """Return the largest of the processes' numbers."""
        held = torch.tensor([value])
        with self.noticing():
            distributed.all_reduce(held, op=distributed.ReduceOp.MAX)
        return int(held)

    def total(self, value: int) -> int:
        """Return the sum of the processes' numbers."""
        return int(self.sum(torch.tensor([value])))

    def from_first(self, value: JSON) -> JSON:
        """Return the first process's value in all of them."""
        text = json.dumps(value) if self.is_first else ""
        (found,) = self._spread([np.frombuffer(text.encode(), dtype=np.uint8)])
        return json.loads(found.tobytes())

    def _spread(self, arrays: Sequence[Array]) -> list[Array]:
        """Send the first process's arrays of bytes to all."""
        found = []
        for one in arrays:
            length = torch.tensor([one.size])
            with self.noticing():
                distributed.broadcast(length, 0, group=self._patient)
            held = torch.zeros(int(length), dtype=torch.uint8)
            if self.is_first:
                held.copy_(torch.from_numpy(one.copy()))
            with self.noticing():
                distributed.broadcast(held, 0, group=self._patient)
            found.append(held.numpy())
        return found

    def gather(self, arrays: Sequence[Array]) -> list[list[Array]]:
        """Return the arrays of every process, in the order of the processes."""
        header, content = _packed(arrays)
        sizes = torch.zeros(self.size, 2, dtype=torch.int64)
        sizes[self.rank] = torch.tensor([len(header), len(content)])
        self.sum(sizes)
        most = int(sizes.sum(dim=1).max())
        held = torch.zeros(most, dtype=torch.uint8)
        held[: len(header) + len(content)] = torch.frombuffer(
            bytearray(header + content), dtype=torch.uint8
        )
        all_of_them = [torch.empty_like(held) for _ in range(self.size)]
        with self.noticing():
            distributed.all_gather(all_of_them, held)
        return [
            _unpacked(one.numpy().tobytes(), int(n_header))
            for one, (n_header, _) in zip(all_of_them, sizes.tolist(), strict=True)
        ]

    def wait(self) -> None:
        """Wait until every process is here, as long as it takes."""
        with self.noticing():
            distributed.barrier(group=self._patient)

    @contextmanager
    def noticing(self) -> Iterator[None]:
        """Turn the failure of another process inside the block into its reason."""
        try:
            yield
        except RuntimeError as problem:
            if not is_about_others(problem):
                raise
            raise_failure(self._reason(), problem, self.seconds)

    def _reason(self) -> dict[str, JSON] | None:
        """Read why another process failed, if it could say so."""
        end = time.monotonic() + SAID
        with suppress(RuntimeError, AttributeError):  # the store's own process has gone
            while time.monotonic() < end:
                if self._store.check([FAILURE]):
                    found = json.loads(self._store.get(FAILURE))
                    self._store.set(f"{HEARD}-{self.rank}", "")
                    return found if isinstance(found, dict) else None
                time.sleep(0.05)
        return None

    def fail(self, problem: BaseException) -> bool:
        """Leave the reason why this process ends, and end the exchange.

        The first process tells the user, whoever failed: it records the failure of the run too.

        Returns:
            Whether the first process has heard of it.
        """
        if isinstance(problem, GoneError):
            return problem.was_told
        others = range(1, self.size) if self.is_first else (0,)
        with suppress(RuntimeError, AttributeError):  # the store's own process has gone
            self._store.set(f"{HEARD}-{self.rank}", "")
            self._store.compare_set(FAILURE, "", json.dumps(as_failure(problem, self.rank)))
            with suppress(RuntimeError):
                distributed.destroy_process_group()
            keys = [f"{HEARD}-{rank}" for rank in others]
            self._store.wait(keys, timedelta(seconds=PATIENCE))
            return True
        return False

    def leave(self) -> None:
        """End the exchange, once all are done."""
        with suppress(RuntimeError):
            distributed.destroy_process_group()


def _packed(arrays: Sequence[Array]) -> tuple[bytes, bytes]:
    """Write arrays as a JSON header and their bytes."""
    described = [{"dtype": one.dtype.str, "shape": list(one.shape)} for one in arrays]
    content = b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)
    return json.dumps(described).encode(), content


def _unpacked(content: bytes, n_header: int) -> list[Array]:
    found, start = [], n_header
    for one in json.loads(content[:n_header]):
        dtype, shape = np.dtype(one["dtype"]), tuple(one["shape"])
        n_values = int(np.prod(shape))
        values = np.frombuffer(content, dtype=dtype, count=n_values, offset=start)
        found.append(values.reshape(shape).copy())
        start += n_values * dtype.itemsize
    return found


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Put gradients of one type together, up to `BUCKET` bytes."""
    bucket: list[Tensor] = []
    for one in gradients:
        n_bytes = sum(b.nbytes for b in bucket)
        if bucket and (one.dtype != bucket[0].dtype or n_bytes + one.nbytes > BUCKET):
            yield bucket
            bucket = []
        bucket.append(one)
    if bucket:
        yield bucket
