"""The process with the model: reads batches from its input, a line each, and answers on its output.

The first line says which model; the answer to it describes that. The process ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from luthier.errors import LuthierError
from luthier.process import importing, take_output
from luthier.serving.content import with_content
from luthier.signals import leave_alone


def main() -> None:
    """Answer until the input ends."""
    out = take_output()
    leave_alone()

    def tell(message: Any) -> None:
        from luthier.runs.files import plain

        out.write(json.dumps(plain(message)) + "\n")
        out.flush()

    opening = json.loads(sys.stdin.readline() or "{}")
    try:
        predictor = opened(opening)
    except LuthierError as problem:
        tell({"failed": [problem.problem, problem.received, problem.hint]})
        return
    about = described(predictor, opening["folder"])
    tell(about)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            tell({"answers": answered(predictor, asked, about["media"])})
        except LuthierError as problem:
            tell({"failed": [problem.problem, problem.received, problem.hint]})
        except (RuntimeError, ValueError, TypeError, LookupError, MemoryError) as problem:
            tell({"failed": ["The model failed.", type(problem).__name__, None], "is_bug": True})


def opened(opening: Mapping[str, Any]) -> Any:
    """Load the model."""
    if opening.get("threads"):
        os.environ["OMP_NUM_THREADS"] = str(opening["threads"])
    with importing():
        from luthier.onnx_models.description import is_onnx

        if not is_onnx(opening["folder"]):
            from luthier.models.lean import import_lean

            import_lean()
        from luthier.prediction.predictor import load

        backend = opening.get("backend", "auto")
        return load(opening["folder"], min_precision=opening.get("min_precision"), backend=backend)


def described(predictor: Any, folder: str) -> dict[str, Any]:
    """Describe a model to the process that serves it."""
    from luthier.prediction.given_rows import names_files
    from luthier.prediction.options import known_options

    task, limits = predictor.task, predictor.limits
    writing = predictor.codec.generation() or {}
    return {
        "task": task.name,
        "hub_task": task.hub_task,
        "roles": list(task.input_roles),
        "media": [one.role for one in task.columns if names_files(one.kind)],
        "is_joint": task.unit == "joint",
        "labels": list(getattr(predictor.target, "names", ()) or ()),
        "max_tokens": limits.max_tokens,
        "has_windows": limits.stride is not None or task.unit in ("token", "span"),
        "max_new_tokens": writing.get("max_new_tokens"),
        "options": known_options(predictor.codec),
        "backend": predictor.backend,
        "tokenizer": str(predictor.folder.model),
        "process": os.getpid(),
    }


def answered(predictor: Any, asked: Mapping[str, Any], media: Sequence[str]) -> list[Any]:
    """Answer the rows of a batch, or explain them."""
    rows, options = [with_content(row, media) for row in asked["rows"]], asked["options"]
    if asked.get("explain"):
        return [predictor.explain([row], **how)[0] for row, how in zip(rows, options, strict=True)]
    return list(predictor.answer_each(rows, options))


if __name__ == "__main__":
    main()
