"""Whether models that write, traced to ONNX, write what `generate` of Transformers writes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from luthier.exporters.onnx_tracing import UNTRACED, quietly, trace_writer
from luthier.items import Batch
from luthier.models.load import quietly as silently
from luthier.onnx_models.description import describe_generation
from luthier.onnx_models.writer import OnnxWriter
from tests.tiny import WRITERS, write_tiny_model

SEARCHES: dict[str, dict[str, Any]] = {
    "greedy": {"num_beams": 1},
    "4 beams": {"num_beams": 4, "early_stopping": True},
}
BATCHES, MOST_TEXTS, MOST_TOKENS, NEW = 20, 6, 20, 24
END, SHARPER = 3, 3.0  # random weights give all tokens the same chance unless they are larger


def measure_writer(family: str, folder: Path) -> str:
    """Trace a tiny model, and count the batches for which it writes the same tokens."""
    with silently():
        auto = "Seq2SeqLM" if family in WRITERS else "CausalLM"
        made = write_tiny_model(family, folder / family)
        model = getattr(transformers, f"AutoModelFor{auto}").from_pretrained(made).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(SHARPER if family != "t5" else 1.5)
    settings = {"max_new_tokens": NEW, "pad_token_id": 0, "eos_token_id": END}
    model.generation_config.update(decoder_start_token_id=END, **settings)
    drawn, began = torch.Generator().manual_seed(0), time.perf_counter()
    try:
        with quietly():
            for name, program in trace_writer(model, batch_of(drawn)).items():
                program.save(folder / name)
    except UNTRACED as problem:
        return f"cannot be traced: {type(problem).__name__}: {str(problem)[:120]}"
    seconds, found = time.perf_counter() - began, []
    for name, search in SEARCHES.items():
        model.generation_config.update(**search)
        writer = OnnxWriter(folder, describe_generation(model) or {})
        alike = [is_alike(model, writer, batch_of(drawn)) for _ in range(BATCHES)]
        found.append(f"{name}: the same tokens for {sum(alike)} of {BATCHES} batches")
    return f"{'; '.join(found)}; traced in {seconds:.1f} s"


def batch_of(drawn: torch.Generator) -> dict[str, torch.Tensor]:
    """Draw a batch of texts of other lengths, padded on the left."""
    n, length = (
        int(torch.randint(2, most, (), generator=drawn)) for most in (MOST_TEXTS, MOST_TOKENS)
    )
    ids = torch.randint(5, 60, (n, length), generator=drawn)
    mask = torch.ones_like(ids)
    mask[0, : length // 2] = 0
    return {"input_ids": ids, "attention_mask": mask}


def is_alike(model: Any, writer: OnnxWriter, given: dict[str, torch.Tensor]) -> bool:
    """Compare what both write for a batch."""
    with torch.inference_mode():
        expected = model.generate(**given, do_sample=False).numpy()
    n_given = 1 if model.config.is_encoder_decoder else given["input_ids"].shape[1]
    batch = Batch({name: one.numpy() for name, one in given.items()}, None, len(expected))
    return all(
        np.array_equal(one, wanted[: len(one)]) and set(wanted[len(one) :].tolist()) <= {0, END}
        for one, wanted in zip(writer.write(batch), expected[:, n_given:], strict=True)
    )
