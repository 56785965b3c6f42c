"""ONNX: a run's model as a graph that ONNX Runtime answers, without PyTorch and Transformers.

`torch.export` traces the model once, for batches of any size and length; `verified.py` tries the
graph out on the run's rows. With `int8`, weights are stored in eight bits by channel, activations
are quantized as they are computed (ONNX Runtime's dynamic quantization).
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from luthier.answerers import OUTPUTS
from luthier.environment import install_command
from luthier.errors import ModelError, RecipeError
from luthier.exporters.export import ONNX
from luthier.exporters.exported import Exported
from luthier.exporters.hard_texts import hard_columns
from luthier.exporters.merged import differs
from luthier.exporters.trial import Trial, Verification
from luthier.exporters.verified import Exporter, export_verified
from luthier.onnx_models.description import MODEL, describe_config, describe_tokenizer
from luthier.onnx_models.session import OnnxModel
from luthier.onnx_models.tokenizer import LightTokenizer
from luthier.prediction.predictor import Predictor
from luthier.runs.portable import write_portable

LARGEST = 1 << 30  # bytes of weights in the file of the graph; larger ones lie beside it
AXES = {0: "batch", 1: "tokens"}
CHECKPOINT = "--to checkpoint"  # the hint where only that is possible
UNTRACED = (torch.onnx.OnnxExporterError, RuntimeError, ValueError, TypeError)
QUANTIZED = ("MatMul", "Gemm", "Gather")  # operations whose weights become int8


def export_onnx(
    run: str | Path, out: str | Path, *, int8: bool = False
) -> tuple[Path, Verification]:
    """Write the model of a run as a graph of ONNX.

    Args:
        run: A finished run, of either engine.
        out: A folder that does not exist, or is empty.
        int8: Whether to store the weights in int8.

    Returns:
        The folder, and the comparison with the run's own model.

    Raises:
        RunError: The folder is not empty.
        RecipeError: A package is not installed.
        ModelError: The model cannot be a graph, or the graph answers differently; nothing is left
            in the folder then.
    """
    name = f"{ONNX} int8" if int8 else ONNX
    write = partial(write_graph, int8=int8)
    exporter = Exporter(name, ONNX, is_exact=not int8, check=check_packages, write=write)
    return export_verified(run, out, exporter)


def check_packages(predictor: Predictor) -> None:
    """Raise if a package is missing, or texts cannot be cut without Transformers."""
    lacking = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if lacking:
        raise RecipeError(
            f"--to {ONNX} needs packages that are not installed.",
            received=f"without {', '.join(lacking)}",
            hint=install_command("onnx"),
        )
    if not getattr(predictor.tokenizer, "is_fast", False):
        raise ModelError(
            "An exported model has its tokenizer in tokenizer.json, which this one cannot be.",
            received=f"a {type(predictor.tokenizer).__name__}",
            hint=CHECKPOINT,
        )


class Positional(nn.Module):
    """A model whose arguments and outputs stand in an order, as those of a graph do.

    Args:
        model: The model.
        inputs: Names of its arguments.
        outputs: Names of its outputs.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[str], outputs: Sequence[str]):
        super().__init__()
        self.model, self.inputs, self.outputs = model, tuple(inputs), tuple(outputs)

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs, float32."""
        found = self.model(**dict(zip(self.inputs, values, strict=True)))
        return tuple(getattr(found, name).float() for name in self.outputs)


def write_graph(trial: Trial, folder: Path, *, int8: bool) -> Exported:
    """Write a graph with its tokenizer and what predicting needs, and read them back."""
    predictor = trial.predictor
    model, batch = predictor.model.cpu().float().eval(), trial.batch([0, len(trial.rows) - 1])
    inputs, outputs = tuple(batch.inputs), OUTPUTS[trial.kind]
    given = tuple(torch.from_numpy(batch.inputs[name]) for name in inputs)
    folder.mkdir()
    with quietly():
        try:
            program = trace(model, dict(zip(inputs, given, strict=True)), outputs)
        except UNTRACED as problem:
            raise not_a_graph(predictor, problem) from problem
        n_bytes = sum(one.numel() * one.element_size() for one in model.parameters())
        program.save(folder / MODEL, external_data=n_bytes > LARGEST)
        if int8:
            quantize(folder)
    predictor.codec.processor.save_pretrained(folder)
    described = describe_tokenizer(predictor.tokenizer)
    refuse_other_tokens(trial, LightTokenizer(folder, described))
    write_portable(folder, predictor.recipe, predictor.target)
    return Graph(folder, predictor, described, int8=int8)


def trace(model: nn.Module, given: Mapping[str, Tensor], outputs: Sequence[str]) -> Any:
    """Trace a model for batches of any size and length.

    Args:
        model: The model.
        given: A batch of at least two items, by the names of the model's arguments.
        outputs: Names of the model's outputs.
    """
    program = torch.onnx.export(
        Positional(model, tuple(given), outputs),
        tuple(given.values()),
        dynamo=True,
        dynamic_shapes=((AXES,) * len(given),),
        input_names=tuple(given),
        output_names=tuple(outputs),
        verbose=False,
    )
    if program is None:
        raise ValueError("the exporter gave nothing")
    return program


class Graph(OnnxModel):
    """A graph that was read back, and what is written about it.

    Args:
        folder: Its folder.
        predictor: The run's predictor.
        tokenizer: Description of the tokenizer.
        int8: Whether its weights are in int8.
    """

    def __init__(
        self, folder: Path, predictor: Predictor, tokenizer: dict[str, Any], *, int8: bool
    ):
        super().__init__(folder, int8=int8)
        self._predictor, self._tokenizer = predictor, tokenizer

    def describe(self) -> dict[str, Any]:
        """Give the tensors, and what answering needs to know."""
        transitions = getattr(self._predictor.model, "transitions", None)
        return {
            **super().describe(),
            "int8": self.answers_alone,
            "tokenizer": self._tokenizer,
            "config": describe_config(self._predictor.model.config),
            "transitions": None if transitions is None else transitions.detach().tolist(),
        }


def quantize(folder: Path) -> None:
    """Store the weights of a graph in int8, by channel."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = onnx.load(str(folder / MODEL))
    weights = {one.name for one in graph.graph.initializer}
    kept = [one for one in graph.graph.value_info if one.name not in weights]
    del graph.graph.value_info[:]  # the shapes of weights would contradict those in int8
    graph.graph.value_info.extend(kept)
    for path in folder.glob(f"{MODEL}*"):
        path.unlink()
    quantize_dynamic(
        graph,
        str(folder / MODEL),
        op_types_to_quantize=list(QUANTIZED),
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def refuse_other_tokens(trial: Trial, light: LightTokenizer) -> None:
    """Raise if an exported tokenizer cuts texts into other tokens than the run's.

    Raises:
        ModelError: It does; the error shows a text.
    """
    own, task = trial.predictor.tokenizer, trial.predictor.task
    texts = [str(one) for one in trial.rows[task.input_roles[0]]]
    first, second = hard_columns(texts)
    most = trial.predictor.limits.max_tokens
    for columns in ([texts], [first], [first, second]):
        cutting: list[dict[str, Any]] = [{}, {"truncation": True, "max_length": most}]
        if own.num_special_tokens_to_add(len(columns) > 1) + len(columns) > most:
            cutting = [{}]
        for options in cutting:
            ours = own(*columns, return_offsets_mapping=True, verbose=False, **options).encodings
            theirs = light(*columns, return_offsets_mapping=True, **options).encodings
            for one, other, text in zip(ours, theirs, columns[0], strict=True):
                if (one.ids, one.type_ids, one.offsets) != (
                    other.ids,
                    other.type_ids,
                    other.offsets,
                ):
                    raise differs(f"{text[:80]!r} is cut into other tokens")


def not_a_graph(predictor: Predictor, problem: object) -> ModelError:
    """Make the error for a model that cannot be traced."""
    plain = re.sub(r"\x1b\[[0-9]+m", "", str(problem))  # PyTorch colours its errors
    said = " ".join(plain.split())
    return ModelError(
        "This model cannot be written as a graph of ONNX.",
        received=f"a {predictor.model.config.model_type} for {predictor.task.name}: {said[:300]}",
        hint=CHECKPOINT,
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Silence the exporters, which report on what is not installed and on each of their passes."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
