"""From a run to a model for elsewhere, in the format that is asked for: the door to exporters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from luthier.arguments import checked

if TYPE_CHECKING:
    from luthier.exporters.trial import Verification

CHECKPOINT, ONNX, OPENVINO = "checkpoint", "onnx", "openvino"


@dataclass(frozen=True)
class Exported:
    """A model that was exported, and how far it answers as the run's own does.

    Args:
        folder: Where it was written.
        difference: The largest difference of any output on the run's test rows.
        verification: Sizes, times, and scores in int8, beside those of the run's model; None for
            a checkpoint, which is the same model.
    """

    folder: str
    difference: float
    verification: Verification | None = None


@checked
def export(
    run: str | Path, out: str | Path, *, to: str = CHECKPOINT, int8: bool = False
) -> Exported:
    """Write the model of a finished run for elsewhere, once it was tried out on the run's rows.

    What a method keeps beside the model, such as an adapter, is merged into it. Nothing is left in
    the folder if the exported model does not answer as the run's does.

    Args:
        run: The folder of the run.
        out: A folder that does not exist, or is empty.
        to: "checkpoint" is a plain checkpoint of Transformers, "onnx" a graph for ONNX Runtime,
            which answers without PyTorch, "openvino" the same for OpenVINO; "saved-model" is for
            TensorFlow Serving, "litert" for LiteRT, and both need TensorFlow.
        int8: Keep the weights in int8, and tell what is lost by it; for "onnx" and "litert".

    Returns:
        The folder, and how far outputs differ.

    Raises:
        RunError: The run did not finish, the folder is not empty, or there is no such format.
        RecipeError: A package that the format needs is not installed.
        ModelError: The model cannot be exported, or the exported one answers otherwise.

    Example:
        exported = luthier.export("runs/recipe", "plain")
        print(exported.folder, exported.difference)
    """
    if to == CHECKPOINT and not int8:
        from luthier.exporters.merged import export_merged

        folder, difference = export_merged(run, out)
        return Exported(str(folder), difference)
    if to in (ONNX, OPENVINO):
        from luthier.exporters.onnx import export_onnx

        folder, found = export_onnx(run, out, int8=int8, backend=to)
    else:
        from luthier.exporters.tensorflow import export_tensorflow

        folder, found = export_tensorflow(run, out, to=to, int8=int8)
    return Exported(str(folder), found.difference, found)
