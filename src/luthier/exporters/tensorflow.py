"""The formats of TensorFlow: a run's PyTorch model is copied into its twin, which is written.

It does not matter which engine trained the model. Next: `verified.py`, which tries the result out,
and `texts.py`, for a SavedModel that takes strings instead of token ids.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.errors import ModelError, RunError, suggestion
from luthier.exporters.texts import pieces_of
from luthier.exporters.trial import Trial, Verification
from luthier.exporters.verified import Exporter, export_verified
from luthier.keras_engine.backend import require, require_twin, set_up
from luthier.prediction.predictor import Predictor

if TYPE_CHECKING:
    from luthier.keras_engine.litert import LiteRT
    from luthier.keras_engine.saved_model import SavedModel
    from luthier.keras_engine.twin import Twin

SAVED_MODEL, LITERT = "saved-model", "litert"
FORMATS = (SAVED_MODEL, LITERT)
LITERT_FILE = "model.tflite"
CHECKPOINT = "--to checkpoint"  # the hint where only that is possible


def export_tensorflow(
    run: str | Path, out: str | Path, *, to: str, int8: bool = False
) -> tuple[Path, Verification]:
    """Write the model of a run in a format of TensorFlow.

    Args:
        run: A finished run, of either engine.
        out: A folder that does not exist, or is empty.
        to: Format: `saved-model` or `litert`.
        int8: Whether to store the weights in int8, in LiteRT only.

    Returns:
        The folder, and the comparison with the run's own model.

    Raises:
        RunError: The folder is not empty, or the format is unknown.
        RecipeError: TensorFlow is not installed.
        ModelError: The model has no twin, or the exported model answers differently; nothing is
            left in the folder then.
    """
    refuse_format(to, int8=int8)
    exporter = Exporter(
        f"{to} int8" if int8 else to,
        to,
        is_exact=not int8,
        check=partial(check_twin, to=to),
        write=partial(write_litert, int8=int8) if to == LITERT else write_saved_model,
    )
    return export_verified(run, out, exporter)


def refuse_format(to: str, *, int8: bool) -> None:
    """Raise if a format is unknown.

    Raises:
        RunError: There is no such format, or it has no int8.
    """
    if int8 and to != LITERT:
        raise RunError(
            "Weights in int8 are for ONNX and LiteRT.",
            received=f"--int8 --to {to}",
            hint=f"--int8 --to onnx, or --to {LITERT}",
        )
    if to not in FORMATS:
        hint = suggestion(to, ("checkpoint", "onnx", "openvino", *FORMATS))
        raise RunError("There is no format of this name.", received=f"--to {to}", hint=hint)


def write_saved_model(trial: Trial, folder: Path) -> SavedModel:
    """Write a SavedModel, which takes strings where the tokenizer allows it; read it back."""
    from luthier.keras_engine import saved_model

    twin, predictor = twin_of(trial.predictor), trial.predictor
    pieces, note = pieces_of(trial)
    saved_model.write(
        twin,
        folder,
        inputs=trial.inputs(twin.keras.input),
        target=predictor.codec.target,
        pieces=pieces,
        roles=predictor.task.input_roles,
    )
    return saved_model.SavedModel(folder, note=note)


def write_litert(trial: Trial, folder: Path, *, int8: bool) -> LiteRT:
    """Write a file for LiteRT, and read it back."""
    from luthier.keras_engine import litert

    twin, path = twin_of(trial.predictor), folder / LITERT_FILE
    folder.mkdir()
    inputs, target = trial.inputs(twin.keras.input), trial.codec.target
    litert.write(twin, path, inputs=inputs, target=target, int8=int8)
    return litert.LiteRT(path)


def check_twin(predictor: Predictor, *, to: str) -> None:
    """Raise if TensorFlow is not installed or the model's family has no twin.

    Raises:
        RecipeError: A package is not installed.
        ModelError: The family has no twin.
    """
    asked = f"--to {to}"
    require(asked, otherwise=CHECKPOINT)
    require_twin(predictor.model.config.model_type, asked, otherwise=CHECKPOINT)
    set_up()


def twin_of(predictor: Predictor) -> Twin:
    """Copy a run's model into its twin.

    Raises:
        ModelError: The model has no twin.
    """
    from luthier.keras_engine.twin import Twin

    try:
        return Twin(predictor.model.cpu().float())
    except ModelError as problem:  # its hint is for a training: another engine
        raise ModelError(problem.problem, received=problem.received, hint=CHECKPOINT) from problem
