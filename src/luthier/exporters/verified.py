"""Write the model of a run in another format, and keep it only if it answers as the run does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luthier.answerers import OF_LABELS
from luthier.exporters.exported import Exported
from luthier.exporters.merged import refuse_unmerged
from luthier.exporters.place import aside, refuse_taken
from luthier.exporters.trial import Trial, Verification
from luthier.prediction.predictor import Predictor, load
from luthier.report.model_card import write_model_card
from luthier.runs import RunFolder, plain
from luthier.task_types.bind import tokenizer_of

LABELLED = ("single-label", "multi-label", "tags")


@dataclass(frozen=True)
class Exporter:
    """Writes the model of a run in one format.

    Args:
        name: Name of the export, in reports.
        form: Name of its format.
        is_exact: Whether the answers have to be the run's own; otherwise both models are scored.
        check: Refuses a run that the format cannot hold, and says which package is missing.
        write: Writes the model into a folder that does not exist yet, and reads it back.
        kinds: Kinds of inference that models of this format are read for.
    """

    name: str
    form: str
    is_exact: bool
    check: Callable[[Predictor], None]
    write: Callable[[Trial, Path], Exported]
    kinds: Collection[str] = OF_LABELS


def export_verified(
    run: str | Path, out: str | Path, exporter: Exporter
) -> tuple[Path, Verification]:
    """Write the model of a run by an exporter, and try it out on the run's test rows.

    Args, results and errors are those of `export_tensorflow`, but for the exporter. If the exported
    model answers differently than the run's, nothing is left in the folder.
    """
    folder = Path(out)
    refuse_taken(folder)
    opened, predictor = RunFolder.open(run), load(run)
    refuse_unmerged(predictor, run)
    exporter.check(predictor)
    trial = Trial(predictor, opened, exporter.kinds)
    with aside(folder) as written:
        exported = exporter.write(trial, written)
        found = trial.judge(exported, exporter.name, exact=exporter.is_exact)
        write_about(written, predictor, exported)
        write_json(written / "verification.json", found)
        write_model_card(opened.path, into=written, form=exporter.form)
    return folder, found


def write_about(written: Path, predictor: Predictor, exported: Exported) -> None:
    """Write what is needed to use a model beside it: its tokenizer, its labels, its tensors."""
    target = predictor.codec.target
    predictor.codec.processor.save_pretrained(written)
    about: dict[str, Any] = {
        "task": predictor.task.name,
        "max_tokens": predictor.limits.max_tokens,
        "pad_token_id": getattr(tokenizer_of(predictor.codec.processor), "pad_token_id", None),
    }
    if target.kind in LABELLED:
        about["labels"] = list(target.names)
        lines = [" ".join(name.splitlines()) for name in target.names]
        (written / "labels.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    if target.thresholds is not None:
        about["thresholds"] = list(target.thresholds)
    write_json(written / "model.json", about | exported.describe())


def write_json(path: Path, content: Mapping[str, Any] | Verification) -> None:
    """Write a document for people and programs."""
    text = json.dumps(plain(content), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
