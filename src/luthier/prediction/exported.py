"""Answers from a model that was exported to ONNX; neither PyTorch nor Transformers is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luthier.answerers import infer_items
from luthier.errors import ModelError
from luthier.models.media_descriptor import MediaDescriptor
from luthier.onnx_models.description import (
    config_from,
    read_description,
    transitions_from,
)
from luthier.onnx_models.inputs import LightInputs
from luthier.onnx_models.opened import opened
from luthier.onnx_models.tokenizer import LightTokenizer
from luthier.prediction.options import with_reading
from luthier.prediction.predictor import Predictor
from luthier.recipe.checks import make_plugin
from luthier.records import Outputs, Rows
from luthier.runs.portable import ModelFolder
from luthier.task_types.bind import codec_of


def light_processor(folder: Path, described: Mapping[str, Any]) -> LightTokenizer | LightInputs:
    """Make what prepares rows, as the description of an exported model says.

    Args:
        folder: The folder of the model.
        described: What `read_description` returns.
    """
    cut = described["tokenizer"]
    tokenizer = None if cut is None else LightTokenizer(folder, cut)
    if tokenizer is not None and described.get("encoders") is None:
        return tokenizer
    named = described.get("encoders") or {}
    return LightInputs(tokenizer, {role: MediaDescriptor(name) for role, name in named.items()})


class OnnxPredictor(Predictor):
    """A model of ONNX with all that it needs to predict.

    Args:
        folder: The folder that `luthier export --to onnx` wrote.
        overrides: How files are read, where that differs from the run's recipe.
        n_threads: Threads that compute one batch; None: what OMP_NUM_THREADS says, else
            as many as this process may use.
        backend: `onnx` or `openvino`; None: what the export was tried out with.

    Raises:
        RecipeError: The backend is not installed.
        RunError: A file is damaged.
    """

    def __init__(
        self,
        folder: ModelFolder,
        overrides: Sequence[str] = (),
        *,
        n_threads: int | None = None,
        backend: str | None = None,
    ):
        self.folder, self._evidence = folder, None
        self.recipe = with_reading(folder.recipe(), overrides)
        described = read_description(folder.model)
        task = make_plugin("tasks", self.recipe.task)
        processor: Any = light_processor(folder.model, described)
        config = config_from(described)
        self.codec = codec_of(self.recipe, task, folder.target(), processor, config)
        self._transitions = transitions_from(described)
        self.backend = backend or described.get("backend", "onnx")
        self._answerer = opened(folder.model, described, n_threads=n_threads, backend=self.backend)

    def __getattr__(self, name: str) -> Any:
        """Refuse what is asked of weights in PyTorch.

        Raises:
            ModelError: The model of PyTorch is asked for.
        """
        if name == "model" and "_answerer" in vars(self):
            raise ModelError(
                "A model of ONNX answers, and cannot be looked into: it has no gradients.",
                received=str(self.folder.model),
                hint="the run that it is from, or luthier export RUN --out FOLDER",
            )
        raise AttributeError(name)

    def outputs(self, rows: Rows, *, answering: bool = False) -> Outputs:
        """Run the model over rows, for the verdict or, if `answering`, for new rows."""
        items = self.codec.encode(rows)
        inferred: dict[str, Any] = {
            kind: infer_items(self._answerer, self.codec, items, kind)
            for kind in self.codec.inference_kinds(answering=answering)
        }
        if self._transitions is not None:
            inferred["transitions"] = self._transitions
        return self.codec.outputs(inferred, items, rows)

    def rounded(self, precision: str) -> Predictor:
        """Refuse another precision: it is chosen when a model is exported.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "The precision of an exported model is that of its file.",
            received=f"--{precision}",
            hint="luthier export RUN --to onnx --int8 --out FOLDER",
        )
