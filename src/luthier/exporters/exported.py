"""What the model of an export offers, whatever its format, and how batches are put to it.

A new format is one file: an `Exporter` that writes the model of a run, and an `Exported` that reads
it back as users would. `verified.py` does the rest: it tries the model out on the run's test
rows (`trial.py`) before anything is put into place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from luthier.answerers import OUTPUTS, Answerer, read
from luthier.items import Batch
from luthier.ragged import Array
from luthier.registry import find
from luthier.training.inference import InferenceKind
from luthier.training.model_calls import to_tensors

WARM_UP = 3  # batches that are not timed
Columns = Mapping[str, Sequence[str]]  # texts by the roles of their columns


class Exported(Answerer, Protocol):
    """A model in another format, read back from its files."""

    @property
    def note(self) -> str | None:
        """A remark for the user, if there is one."""

    @property
    def answer_texts(self) -> Callable[[Columns], Mapping[str, Array]] | None:
        """A function that answers texts; None if the model takes token ids only."""

    def describe(self) -> dict[str, Any]:
        """Give what programs need to know, such as the shapes of tensors, for `model.json`."""


class TorchModel:
    """The run's own model in PyTorch, to compare with.

    Args:
        model: The model.
        files: Files that hold its weights.
    """

    def __init__(self, model: Any, files: Iterable[Path]):
        self.model, self.n_bytes = model, sum(file.stat().st_size for file in files)

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Compute the outputs of a batch, by Transformers' names."""
        given: dict[str, Any] = dict(to_tensors(batch).inputs)
        if batch.targets is not None and self.model.config.is_encoder_decoder:
            labels = torch.from_numpy(batch.targets)
            given["decoder_input_ids"] = self.model.prepare_decoder_input_ids_from_labels(labels)
        with torch.inference_mode():
            outputs = self.model(**given)
        names = {name for parts in OUTPUTS.values() for name in parts}
        return {name: getattr(outputs, name).numpy() for name in names if hasattr(outputs, name)}

    def write(self, batch: Batch[Array]) -> list[Array]:
        """Write token ids for each item of a batch, by the run's settings."""
        kind: InferenceKind = find("inference-kinds", "generate")
        with torch.inference_mode():
            return kind.infer(self.model, to_tensors(batch))


def milliseconds(
    systems: Mapping[str, Answerer], batches: Sequence[Batch[Array]], kind: str
) -> dict[str, float]:
    """Measure the median time of each system to infer a kind; the systems take turns."""
    taken: dict[str, list[float]] = {name: [] for name in systems}
    for batch in [*batches[:WARM_UP], *batches]:
        for name, answerer in systems.items():
            began = time.perf_counter()
            read(answerer, batch, kind)
            taken[name].append(time.perf_counter() - began)
    n_warm = len(batches[:WARM_UP])
    return {name: float(np.median(times[n_warm:])) * 1e3 for name, times in taken.items()}
