"""ONNX: a run's model as graphs that ONNX Runtime answers, without PyTorch and Transformers.

`onnx_tracing.py` traces the model once, for batches of any size and length; `verified.py` tries the
graphs out on the run's rows. With `int8`, weights are stored in eight bits by channel, activations
are quantized as they are computed (ONNX Runtime's dynamic quantization).
"""

from __future__ import annotations

import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luthier.answerers import OUTPUTS
from luthier.environment import install_command
from luthier.errors import ModelError, RecipeError, RunError
from luthier.exporters.export import ONNX
from luthier.exporters.exported import Exported
from luthier.exporters.onnx_texts import refuse_other_tokens
from luthier.exporters.onnx_tracing import UNTRACED, quietly, trace, trace_writer
from luthier.exporters.trial import Trial, Verification
from luthier.exporters.verified import Exporter, export_verified
from luthier.items import Batch
from luthier.models.media_descriptor import MediaDescriptor
from luthier.onnx_models.description import (
    MODEL,
    describe_config,
    describe_generation,
    describe_tokenizer,
)
from luthier.onnx_models.opened import opened
from luthier.onnx_models.openvino_session import require_openvino
from luthier.prediction.predictor import Predictor
from luthier.ragged import Array, Ragged
from luthier.runs.portable import write_portable
from luthier.task_types.bind import tokenizer_of

LARGEST = 1 << 30  # bytes of weights in the file of a graph; larger ones lie beside it
CHECKPOINT = "--to checkpoint"  # the hint where only that is possible
QUANTIZED = ("MatMul", "Gemm", "Gather")  # operations whose weights become int8


def export_onnx(
    run: str | Path, out: str | Path, *, int8: bool = False, backend: str = ONNX
) -> tuple[Path, Verification]:
    """Write the model of a run as a graph of ONNX.

    Args:
        run: A finished run, of either engine.
        out: A folder that does not exist, or is empty.
        int8: Whether to store the weights in int8.
        backend: What the graph is for, and tried out with: `onnx` or `openvino`.

    Returns:
        The folder, and the comparison with the run's own model.

    Raises:
        RunError: The folder is not empty, or int8 is asked for with OpenVINO.
        RecipeError: A package is not installed.
        ModelError: The model cannot be a graph, or the graph answers differently; nothing is left
            in the folder then.
    """
    if int8 and backend != ONNX:
        raise RunError(
            "Weights in int8 are those of ONNX Runtime.",
            received=f"--int8 --to {backend}",
            hint=f"--int8 --to {ONNX}",
        )
    name = f"{backend} int8" if int8 else backend
    write = partial(write_graph, int8=int8, backend=backend)
    check = partial(check_packages, backend=backend)
    exporter = Exporter(name, backend, not int8, check=check, write=write, kinds=OUTPUTS)
    return export_verified(run, out, exporter)


def check_packages(predictor: Predictor, *, backend: str) -> None:
    """Raise if a package is missing, or texts cannot be cut without Transformers."""
    lacking = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if lacking:
        raise RecipeError(
            f"--to {ONNX} needs packages that are not installed.",
            received=f"without {', '.join(lacking)}",
            hint=install_command("onnx"),
        )
    if backend != ONNX:
        require_openvino()
    refuse_prepared_elsewhere(predictor.codec.processor)


def refuse_prepared_elsewhere(processor: Any) -> None:
    """Raise if rows cannot be prepared without Transformers.

    Raises:
        ModelError: The tokenizer is not one of the library `tokenizers`, or images or sounds are
            read by an encoder.
    """
    tokenizer, encoders = tokenizer_of(processor), getattr(processor, "encoders", None)
    if tokenizer is None and encoders is None:
        raise ModelError(
            "Images and sounds are prepared by Transformers, which an exported model does without.",
            received=f"a {type(processor).__name__}",
            hint=CHECKPOINT,
        )
    if tokenizer is not None and not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            "An exported model has its tokenizer in tokenizer.json, which this one cannot be.",
            received=f"a {type(tokenizer).__name__}",
            hint=CHECKPOINT,
        )
    for role, one in (encoders or {}).items():
        if not isinstance(one, MediaDescriptor):
            raise ModelError(
                "An exported model has no encoder of images or sounds.",
                received=f"{role}: a {type(one.model).__name__}",
                hint="luthier predict RUN, or a run with thumbnail for images, spectrum for sounds",
            )


def write_graph(trial: Trial, folder: Path, *, int8: bool, backend: str) -> Exported:
    """Write the graphs with the tokenizer and what predicting needs, and read them back."""
    predictor = trial.predictor
    model = predictor.model.cpu().float().eval()
    # settings are refused before the model is traced, which takes longest
    generation = describe_generation(model) if trial.writes else None
    folder.mkdir()
    with quietly():
        try:
            programs = traced(trial, model)
        except UNTRACED as problem:
            raise not_a_graph(predictor, problem) from problem
        n_bytes = sum(one.numel() * one.element_size() for one in model.parameters())
        for name, program in programs.items():
            program.save(folder / name, external_data=n_bytes > LARGEST)
            if int8:
                quantize(folder / name)
    processor = predictor.codec.processor
    processor.save_pretrained(folder)
    transitions = getattr(model, "transitions", None)
    tokenizer, encoders = tokenizer_of(processor), getattr(processor, "encoders", None)
    described = {
        "int8": int8,
        "backend": backend,
        "tokenizer": None if tokenizer is None else describe_tokenizer(tokenizer),
        "encoders": encoders and {role: one.name for role, one in encoders.items()},
        "config": describe_config(model.config),
        "transitions": None if transitions is None else transitions.detach().tolist(),
        "generation": generation,
    }
    refuse_other_tokens(trial, folder, described)
    write_portable(folder, predictor.recipe, predictor.target)
    return Graph(folder, described)


def traced(trial: Trial, model: Any) -> dict[str, Any]:
    """Trace a model as what it does for the trial's rows."""
    order = np.argsort(trial.items.cost, kind="stable")
    batch = trial.batch(order[[-1, 0]])  # the shorter one has padding, and absent inputs
    given = {name: torch.from_numpy(one) for name, one in batch.inputs.items()}
    if trial.writes:
        return trace_writer(model, given)
    fields = trial.items.inputs  # masks are made with a batch
    long = [one for one in given if one not in fields or isinstance(fields[one].values, Ragged)]
    return {MODEL: trace(model, given, OUTPUTS[trial.kinds[0]], long=long)}


class Graph:
    """Graphs that were read back, and what is written about them.

    Args:
        folder: Their folder.
        described: What answering needs to know.
    """

    note = answer_texts = None  # token ids are what it takes

    def __init__(self, folder: Path, described: dict[str, Any]):
        self.described, self._model = described, opened(folder, described)
        self.write = getattr(self._model, "write", None)
        self.n_bytes, self.answers_alone = self._model.n_bytes, self._model.answers_alone

    def __call__(self, batch: Batch[Array]) -> dict[str, Array]:
        """Compute the outputs of a batch."""
        return self._model(batch)

    def describe(self) -> dict[str, Any]:
        """Give the tensors, and what answering needs to know."""
        return self._model.describe() | self.described


def quantize(path: Path) -> None:
    """Store the weights of a graph in int8, by channel."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load(str(path))
    weights = {one.name for one in graph.graph.initializer}
    kept = [one for one in graph.graph.value_info if one.name not in weights]
    del graph.graph.value_info[:]  # the shapes of weights would contradict those in int8
    graph.graph.value_info.extend(kept)
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    quantize_dynamic(
        graph,
        str(path),
        op_types_to_quantize=list(QUANTIZED),
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def not_a_graph(predictor: Predictor, problem: object) -> ModelError:
    """Make the error for a model that cannot be traced."""
    plain = re.sub(r"\x1b\[[0-9]+m", "", str(problem))  # PyTorch colours its errors
    said = " ".join(plain.split())
    return ModelError(
        "This model cannot be written as a graph of ONNX.",
        received=f"a {predictor.model.config.model_type} for {predictor.task.name}: {said[:300]}",
        hint=CHECKPOINT,
    )
