"""How fast an exported encoder–decoder writes, beside PyTorch, in turns and on one thread.

    python -m benchmarks.onnx_families.speed [--size small base]

Weights are random, so every text takes all the tokens that are allowed: both do the same work.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import MarianConfig, MarianMTModel

from benchmarks.onnx_families.writers import is_alike
from luthier.exporters.onnx_tracing import quietly, trace_writer
from luthier.items import Batch
from luthier.onnx_models.description import describe_generation
from luthier.onnx_models.writer import OnnxWriter

SIZES = {"small": (2, 192, 4_000), "base": (6, 512, 32_000)}  # layers, width, vocabulary
SHAPES = ((1, 1), (1, 4), (16, 1), (16, 4))  # texts, beams
SIDES = ("encoder", "decoder")
TOKENS, NEW, ROUNDS = 16, 24, 5


def model_of(layers: int, width: int, vocabulary: int) -> Any:
    """Make a Marian with random weights."""
    torch.manual_seed(0)
    parts = {"layers": layers, "attention_heads": width // 64, "ffn_dim": 4 * width}
    sides = {
        f"{side}_{name}": one for side in ("encoder", "decoder") for name, one in parts.items()
    }
    tokens = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    config = MarianConfig(vocab_size=vocabulary, d_model=width, **tokens, **sides)
    config.forced_eos_token_id = None
    model = MarianMTModel(config).eval()
    model.generation_config.update(max_new_tokens=NEW, eos_token_id=1, bad_words_ids=None)
    return model


def measure(size: str, folder: Path) -> None:
    """Measure one size."""
    model = model_of(*SIZES[size])
    with quietly():
        drawn = torch.randint(5, 1000, (2, TOKENS))
        given = {"input_ids": drawn, "attention_mask": torch.ones_like(drawn)}
        for name, program in trace_writer(model, given).items():
            program.save(folder / name)
    for n_texts, n_beams in SHAPES:
        model.generation_config.update(num_beams=n_beams, early_stopping=n_beams > 1)
        writer = OnnxWriter(folder, describe_generation(model) or {}, n_threads=1)
        ids = torch.randint(5, 1000, (n_texts, TOKENS))
        given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        batch = Batch({name: one.numpy() for name, one in given.items()}, None, n_texts)
        alike = is_alike(model, writer, given)  # warms both up
        taken: dict[str, list[float]] = {"torch": [], "onnx": []}
        for _ in range(ROUNDS):
            began = time.process_time()
            with torch.inference_mode():
                model.generate(**given, do_sample=False)
            middle = time.process_time()
            writer.write(batch)
            taken["torch"].append(middle - began)
            taken["onnx"].append(time.process_time() - middle)
        ratios = [one / other for one, other in zip(taken["torch"], taken["onnx"], strict=True)]
        best = {name: min(one) * 1e3 for name, one in taken.items()}
        print(
            f"{size:6} {n_texts:2} texts, {n_beams} beams: torch {best['torch']:.0f} ms, onnx "
            f"{best['onnx']:.0f} ms; ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f}); {'the same tokens' if alike else 'OTHER TOKENS'}",
            flush=True,
        )


def main() -> None:
    """Measure the sizes that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs="+", choices=tuple(SIZES), default=tuple(SIZES))
    torch.set_num_threads(1)
    for size in parser.parse_args().size:
        with tempfile.TemporaryDirectory() as kept:
            measure(size, Path(kept))


if __name__ == "__main__":
    main()
