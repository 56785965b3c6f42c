"""Answer texts once in this process, timed; prints one line of JSON, the answers among it.

python -m benchmarks.prediction.arm luthier RUN FILE.csv

From texts that are read to the name of a label for each: tokenization is timed, imports and the
reading of files and model are not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import luthier
from benchmarks.watch import Watch
from luthier.records import Rows

DEFAULT: dict[str, Any] = {}  # of Trainer: batches of 8, rows as they come
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "trainer": {
        "bf16_full_eval": (False, True),
        "sorted": (True, False),
        "per_device_eval_batch_size": (32, 64, 128),
    },
    "bare": {"bf16": (False, True), "batch_size": (32, 64, 128)},
}
HALF = ("bf16_full_eval", "bf16")  # settings that some processors take thirty times as long for
EXPORTS = ("onnx", "onnx-int8")
HOPELESS = 1.5  # times the best so far, on a few rows
Answer = Callable[[list[str], dict[str, Any]], list[str]]


def by_luthier(folder: Path, max_tokens: int) -> Answer:
    """Open a run as `luthier predict` does; give what answers texts."""
    predictor = luthier.load(folder)

    def answer(texts: list[str], settings: dict[str, Any]) -> list[str]:
        asked = settings.get("precision")
        if asked in EXPORTS:  # a graph beside the run; the clock runs while it is opened
            one = luthier.load(folder.with_name(asked))
        else:
            one = predictor if asked is None else predictor.rounded(asked)
        rows = Rows.of({"text": texts})
        return [str(said["label"]) for said in one.answers(rows)]

    return answer


def open_model(folder: Path) -> tuple[Any, Any]:
    """Read the same checkpoint by Transformers alone."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(
        folder / "model", dtype=torch.float32
    )
    return model, AutoTokenizer.from_pretrained(folder / "model")


def by_trainer(folder: Path, max_tokens: int) -> Answer:
    """Answer by `Trainer.predict`; rows may be sorted by length before, and set back after."""
    from datasets import Dataset
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    model, tokenizer = open_model(folder)

    def answer(texts: list[str], settings: dict[str, Any]) -> list[str]:
        encoded = tokenizer(texts, truncation=True, max_length=max_tokens)
        asked = {name: value for name, value in settings.items() if name != "sorted"}
        order = np.arange(len(texts))
        if settings.get("sorted"):
            order = np.argsort([-len(ids) for ids in encoded["input_ids"]], kind="stable")
        columns = {name: [values[i] for i in order] for name, values in encoded.items()}
        arguments = TrainingArguments(
            output_dir=tempfile.gettempdir(), use_cpu=True, report_to="none", **asked
        )
        trainer = Trainer(
            model=model, args=arguments, data_collator=DataCollatorWithPadding(tokenizer)
        )
        said = trainer.predict(Dataset.from_dict(columns)).predictions.argmax(axis=-1)
        found = np.empty(len(texts), dtype=np.int64)
        found[order] = said
        model.float()  # what `bf16_full_eval` turned into bfloat16
        return [model.config.id2label[int(one)] for one in found]

    return answer


def by_bare(folder: Path, max_tokens: int) -> Answer:
    """Answer by the shortest honest loop, sorted by length."""
    model, tokenizer = open_model(folder)
    model.eval()

    @torch.inference_mode()
    def answer(texts: list[str], settings: dict[str, Any]) -> list[str]:
        ids = tokenizer(texts, truncation=True, max_length=max_tokens)["input_ids"]
        order = np.argsort([-len(one) for one in ids], kind="stable")
        size, found = settings.get("batch_size", 64), np.empty(len(texts), dtype=np.int64)
        for start in range(0, len(ids), size):
            rows = order[start : start + size]
            batch = tokenizer.pad({"input_ids": [ids[i] for i in rows]}, return_tensors="pt")
            with torch.autocast("cpu", torch.bfloat16, enabled=settings.get("bf16", False)):
                found[rows] = model(**batch).logits.argmax(dim=-1).numpy()
        return [model.config.id2label[int(one)] for one in found]

    return answer


ARMS = {"luthier": by_luthier, "trainer": by_trainer, "bare": by_bare}


def sweep(answer: Answer, arm: str, texts: list[str]) -> dict[str, Any]:
    """Find the fastest settings on a slice, each tried twice; bfloat16 on a few rows first."""
    grid = GRIDS[arm]
    tried = [dict(zip(grid, v, strict=True)) for v in itertools.product(*grid.values())]
    half = next(name for name in HALF if name in grid)
    few = texts[: max(4, len(texts) // 16)]
    plain, mixed = ({**tried[0], half: on} for on in (False, True))
    timed(answer, few, plain)  # warms up
    limit = HOPELESS * timed(answer, few, plain)
    taken = timed(answer, few, mixed)
    kept = [one for one in tried if not one[half] or taken < limit]
    seconds = [min(timed(answer, texts, one) for _ in range(2)) for one in kept]
    return {
        "best": kept[int(np.argmin(seconds))],
        "tried": [
            {
                "settings": one,
                "seconds": round(seconds[kept.index(one)], 3) if one in kept else None,
            }
            for one in tried
        ],
    }


def timed(answer: Answer, texts: list[str], settings: dict[str, Any]) -> float:
    """Time one pass."""
    began = time.perf_counter()
    answer(texts, settings)
    return time.perf_counter() - began


def main() -> None:
    """Answer, or find the settings with which an arm is fastest."""
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("run", type=Path, help="a finished run of Luthier")
    parser.add_argument("texts", type=Path, help="a JSON list of texts")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--sweep", action="store_true")
    options = parser.parse_args()
    texts = json.loads(options.texts.read_text(encoding="utf-8"))
    answer = ARMS[options.arm](options.run, options.max_tokens)
    if options.sweep:
        print(json.dumps(sweep(answer, options.arm, texts)))
        return
    with Watch() as watch:
        said = answer(texts, options.settings)
    found = {"arm": options.arm, "settings": options.settings, **watch.found()}
    is_half = any(options.settings.get(name) for name in HALF)
    precision = options.settings.get("precision", "bf16" if is_half else "fp32")
    found |= {"precision": precision, "answers": said}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
