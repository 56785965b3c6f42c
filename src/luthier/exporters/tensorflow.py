"""A run's model in a format of TensorFlow, tried out on the run's own test rows.

The model of PyTorch is read into its twin, whichever engine trained it; the twin is written aside,
read back as anybody would read it, and put into place if it answers as the run's model does.
Next: `trial.py`, which tries it out, and `texts.py`, on strings instead of token ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.errors import ModelError, RunError, nearest
from luthier.exporters.merged import refuse_unmerged
from luthier.exporters.place import aside, refuse_taken
from luthier.exporters.texts import Texts
from luthier.exporters.trial import Trial, Verification, megabytes
from luthier.keras_engine.backend import require, require_twin, set_up
from luthier.prediction import Predictor, load
from luthier.runs import RunFolder, plain

if TYPE_CHECKING:
    from luthier.keras_engine.answers import Answer

SAVED_MODEL, LITERT = "saved-model", "litert"
FORMATS = (SAVED_MODEL, LITERT)
LITERT_FILE = "model.tflite"
LABELLED = ("single-label", "multi-label", "tags")


def export_tensorflow(
    run: str | Path, out: str | Path, *, to: str, int8: bool = False
) -> tuple[Path, Verification]:
    """Write the model of a run in a format of TensorFlow.

    Args:
        run: A finished run, of either engine.
        out: A folder that does not exist, or is empty.
        to: `saved-model` or `litert`.
        int8: Whether to keep the weights in int8; of LiteRT alone.

    Returns:
        The folder, and what was found out on the run's test rows.

    Raises:
        RunError: The folder is not empty, or there is no such format.
        RecipeError: TensorFlow is not installed.
        ModelError: The model has no twin, or the exported one answers otherwise; nothing is left
            in the folder then.
    """
    folder, asked = Path(out), f"--to {to}"
    refuse_format(to, int8=int8)
    refuse_taken(folder)
    require(asked, otherwise="--to checkpoint")
    opened = RunFolder.open(run)
    predictor = load(run)
    refuse_unmerged(predictor, run)
    require_twin(predictor.model.config.model_type, asked, otherwise="--to checkpoint")
    set_up()
    trial = Trial(predictor, opened)
    twin = twin_of(predictor)
    with aside(folder) as written:
        texts = Texts(trial) if to == SAVED_MODEL else None
        if texts is None:
            answer = write_litert(twin, trial, written, int8=int8)
        else:
            answer = write_saved_model(twin, trial, written, texts)
        name = f"{to} int8" if int8 else to
        words = None if texts is None else texts.words
        found = trial.judge(answer, name, size=megabytes(written), exact=not int8, text=words)
        if texts is not None:
            texts.refuse_other_answers()
        write_about(written, trial, to=to)
        write_json(written / "verification.json", found)
    return folder, found


def refuse_format(to: str, *, int8: bool) -> None:
    """Raise where there is no such format.

    Raises:
        RunError: There is none of that name, or it has no int8.
    """
    if int8 and to != LITERT:
        raise RunError(
            "Weights in int8 are of LiteRT alone.",
            received=f"--int8 --to {to}",
            hint=f"--int8 --to {LITERT}",
        )
    if to not in FORMATS:
        known = ("checkpoint", *FORMATS)
        close = nearest(to, known)
        raise RunError(
            "There is no format of this name.",
            received=f"--to {to}",
            hint=f"did you mean {close}?" if close else f"one of: {', '.join(known)}",
        )


def twin_of(predictor: Predictor) -> Any:
    """Read a run's model into its twin.

    Raises:
        ModelError: There is none.
    """
    from luthier.keras_engine.twin import Twin

    try:
        return Twin(predictor.model.cpu().float())
    except ModelError as problem:
        hint = "--to checkpoint"  # not another engine, as for a training
        raise ModelError(problem.problem, received=problem.received, hint=hint) from problem


def write_saved_model(twin: Any, trial: Trial, written: Path, texts: Texts) -> Answer:
    """Write a SavedModel; give what reads it."""
    from luthier.keras_engine import saved_model

    saved_model.write(
        twin,
        written,
        inputs=trial.inputs(twin.keras.input),
        target=trial.codec.target,
        pieces=texts.pieces,
        roles=trial.predictor.task.input_roles,
    )
    answer, texts.judge = saved_model.load(written)
    return answer


def write_litert(twin: Any, trial: Trial, written: Path, *, int8: bool) -> Answer:
    """Write a file for LiteRT; give what reads it."""
    from luthier.keras_engine import litert

    written.mkdir()
    litert.write(
        twin,
        written / LITERT_FILE,
        inputs=trial.inputs(twin.keras.input),
        target=trial.codec.target,
        int8=int8,
    )
    return litert.load(written / LITERT_FILE)


def write_about(written: Path, trial: Trial, *, to: str) -> None:
    """Write beside a model what is needed to use it: its tokenizer, its labels, its tensors."""
    from luthier.keras_engine import litert, saved_model

    predictor, target = trial.predictor, trial.codec.target
    predictor.codec.processor.save_pretrained(written)
    about: dict[str, Any] = {
        "task": predictor.task.name,
        "max_tokens": predictor.codec.limits.max_tokens,
        "pad_token_id": predictor.codec.processor.pad_token_id,
    }
    if target.kind in LABELLED:
        about["labels"] = list(target.names)
        lines = [" ".join(name.splitlines()) for name in target.names]
        (written / "labels.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    if target.thresholds is not None:
        about["thresholds"] = list(target.thresholds)
    if to == SAVED_MODEL:
        about["signatures"] = saved_model.describe(written)
    else:
        about |= {"file": LITERT_FILE, **litert.describe(written / LITERT_FILE)}
    write_json(written / "model.json", about)


def write_json(path: Path, content: Mapping[str, Any] | Verification) -> None:
    """Write a document for people and programs."""
    text = json.dumps(plain(content), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
