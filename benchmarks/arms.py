"""The same fine-tuning by several programs: Luthier, HF's `Trainer`, a bare loop.

Equal in all arms: checkpoint, rows, steps, batch size, AdamW, learning rate, linear schedule with
a tenth of warm-up, weight decay on everything but norms and biases, clipping at 1, dropout,
float32 weights. Each arm is timed from raw texts to trained weights, tokenization included;
imports and the reading of files and model come before the clock starts.

As a program it runs one arm once in a fresh process and prints one line of JSON:
`python -m benchmarks.arms luthier --data FOLDER --rows 2000 --seed 0`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.models import MINILM
from benchmarks.peers import PEERS, Start
from benchmarks.problems import PROBLEMS, read_reviews
from benchmarks.watch import Watch
from benchmarks.work import work_of

LIBRARIES = {  # imported before the clock starts, each by its own arm alone
    "luthier": ("benchmarks.luthier_arm",),
    "trainer": ("datasets", "transformers.trainer", "transformers.data.data_collator"),
    "bare": ("transformers.optimization", "transformers.data.data_collator"),
}


@torch.inference_mode()
def accuracy(model: Any, tokenizer: Any, path: Path, names: list[str], max_tokens: int) -> float:
    """Score a trained model on rows with one label each, by the same plain code for all arms."""
    model.eval()
    rows = sorted(read_reviews(path), key=lambda row: len(row[0]))
    right = 0
    for start in range(0, len(rows), 64):
        part = rows[start : start + 64]
        batch = tokenizer(
            [text for text, _ in part],
            truncation=True,
            max_length=max_tokens,
            padding=True,
            return_tensors="pt",
        )
        said = model(**batch).logits.argmax(dim=-1).tolist()
        right += sum(names[k] == label for k, (_, label) in zip(said, part, strict=True))
    return right / len(rows)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run one arm once."""
    for library in LIBRARIES[options.arm]:
        import_module(library)
    imported = time.time() - psutil.Process().create_time()
    problem = PROBLEMS[options.problem]
    began = time.perf_counter()
    if options.arm == "luthier":
        from benchmarks.luthier_arm import LuthierArm  # a peer shall not have its memory

        arm = LuthierArm.make(problem, options)
        model, tokenizer = arm.model, arm.tokenizer
        names = list(arm.task.learn_target(arm.rows).names)
    else:
        start = Start.read(options)
        names, model, tokenizer = start.names, start.model, start.tokenizer
    loaded = time.perf_counter() - began
    with Watch(model) as watch:
        if options.arm == "luthier":
            model = arm.train(checked=options.checked)
        else:
            model = PEERS[options.arm](start, options, options.settings)
    found = {
        "arm": options.arm,
        "seed": options.seed,
        "settings": options.set if options.arm == "luthier" else options.settings,
        "seconds_of_imports": round(imported, 2),
        "seconds_of_loading": round(loaded, 2),
        **watch.found(),
    }
    rows = problem.rows(options.data, options.rows)
    work = work_of(problem, rows, tokenizer, problem.names(rows), options)
    found |= {
        "rows": len(rows),
        "items": work.items,
        "tokens": work.tokens_seen,
        "rows_per_second": round(work.items_seen / found["seconds"], 2),
        "tokens_per_second": round(work.tokens_seen / found["seconds"], 1),
    }
    if options.score:
        if options.problem != "reviews":
            sys.exit("--score: reviews alone are scored here; others by `make bench NAME=tasks`.")
        most = options.max_tokens or problem.max_tokens
        found["accuracy"] = accuracy(model, tokenizer, options.data / "test.csv", names, most)
    return found


def arguments(description: str, **defaults: Any) -> argparse.ArgumentParser:
    """Make the options that all measurements share.

    Args:
        description: Of the program.
        defaults: Of these options, where they are others for a measurement.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the training file")
    parser.add_argument("--problem", choices=PROBLEMS, default="reviews")
    parser.add_argument("--model", default=MINILM, help="minilm, marian, 12x768, or a folder")
    parser.add_argument("--rows", type=int, help="training rows; all when left out")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--steps", type=int, default=-1, help="above 0: instead of epochs")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, help="of a row; the problem's when left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", action="store_true", help="score the test rows too")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="training.FIELD=VALUE",
        help="over Luthier's recipe; may be repeated",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, help="of PyTorch; as users have it when left out")
    parser.set_defaults(**defaults)
    return parser


def main() -> None:
    """Run the arm that the command line names."""
    warnings.filterwarnings("ignore")
    parser = arguments("Run one arm once.")
    parser.add_argument("arm", choices=LIBRARIES)
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON, of a peer")
    parser.add_argument("--checked", action="store_true", help="Luthier also checks the data")
    options = parser.parse_args()
    print(json.dumps(run(options)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
