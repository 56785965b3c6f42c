"""Which families of models become a graph of ONNX that answers as PyTorch does?"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

from benchmarks.onnx_families.writers import measure_writer
from luthier.exporters.onnx_tracing import UNTRACED, Positional, quietly, trace
from luthier.items import Batch
from luthier.models.load import quietly as silently
from luthier.onnx_models.description import MODEL
from luthier.onnx_models.model import OnnxModel
from tests.tiny import DECODERS, JUDGES, WRITERS, write_tiny_model

HEADS = {
    "SequenceClassification": ("logits",),
    "TokenClassification": ("logits",),
    "QuestionAnswering": ("start_logits", "end_logits"),
}
SHAPES = ((1, 1), (1, 5), (3, 9), (8, 30), (2, 64))
FIRST, PAST = 5, 20  # ids of the tiny vocabularies that are words


def batch_of(n: int, length: int, drawn: torch.Generator) -> dict[str, torch.Tensor]:
    """Make a batch whose first text is shorter than the others."""
    ids = torch.randint(FIRST, PAST, (n, length), generator=drawn)
    mask = torch.ones_like(ids)
    if length > 3:
        mask[0, length - 2 :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def measure(family: str, head: str, folder: Path) -> str:
    """Trace a model, and say how far its graph differs."""
    outputs, drawn = HEADS[head], torch.Generator().manual_seed(0)
    with silently():
        auto = getattr(transformers, f"AutoModelFor{head}")
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
        config.pad_token_id = config.pad_token_id or 0
        model = auto.from_config(config).eval()
    began = time.perf_counter()
    try:
        with quietly():
            program = trace(model, batch_of(2, 7, drawn), outputs)
            program.save(folder / MODEL)
    except UNTRACED as problem:
        return f"cannot be traced: {type(problem).__name__}: {' '.join(str(problem).split())[:120]}"
    seconds, worst = time.perf_counter() - began, 0.0
    graph, torch_model = (
        OnnxModel(folder),
        Positional(model, ("input_ids", "attention_mask"), outputs),
    )
    for n, length in SHAPES:
        given = batch_of(n, length, drawn)
        with torch.inference_mode():
            expected = torch_model(*given.values())
        made = graph(Batch({name: one.numpy() for name, one in given.items()}, None, n))
        real = given["attention_mask"].numpy().astype(bool)
        for name, values in zip(outputs, expected, strict=True):
            gap = np.abs(values.numpy() - made[name])
            worst = max(worst, float((gap if head[0] == "S" else gap[real]).max()))
    return f"differs by at most {worst:.1e}; traced in {seconds:.1f} s"


def main() -> None:
    """Measure the families that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks onnx-families", description=__doc__)
    every = tuple(dict.fromkeys((*JUDGES, *DECODERS, *WRITERS)))
    parser.add_argument("--family", nargs="+", choices=every, default=every)
    parser.add_argument("--writing", action="store_true", help="only models that write")
    asked = parser.parse_args()
    for family in asked.family:
        if family in DECODERS or family in WRITERS:
            with tempfile.TemporaryDirectory() as kept:
                print(f"{family:12} {measure_writer(family, Path(kept))}", flush=True)
        for head in HEADS if family in JUDGES and not asked.writing else ():
            with tempfile.TemporaryDirectory() as kept:
                folder = write_tiny_model(family, Path(kept) / family)
                try:
                    found = measure(family, head, folder)
                except ValueError:
                    found = "Transformers has no such head"
                print(f"{family:12} {head:23} {found}", flush=True)


if __name__ == "__main__":
    main()
