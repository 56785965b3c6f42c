"""How fast are texts answered by a trained model, against Hugging Face's ways?

python -m benchmarks prediction --data FOLDER --rows 8000
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import luthier
import luthier.environment
from benchmarks.comparison import values
from benchmarks.figure import Panel, draw_rounds
from benchmarks.models import MINILM
from benchmarks.prediction.arm import EXPORTS
from benchmarks.problems import chosen, read_reviews, review_recipe
from benchmarks.processes import FOLDER, Round, interleave, median, ratios, run_fresh, write
from luthier.models.load import load_tokenizer, quietly

KEYS = ("seconds", "cpu_seconds", "peak_mib", "tokens_per_second")


def main() -> None:
    """Train a model shortly, sweep the peers' settings, and let all answer the same texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv")
    parser.add_argument("--rows", type=int, default=1000, help="to answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sweep-rows", type=int, default=320)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument(
        "--precision", nargs="*", default=[], help="of more arms: bf16, int8, onnx, onnx-int8"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="training.FIELD=VALUE")
    options = parser.parse_args()
    texts = [text for text, _ in read_reviews(options.data / "train.csv")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = train(options, folder / "run")
        for one in set(options.precision) & set(EXPORTS):
            with quietly():
                luthier.export(trained, folder / one, to="onnx", int8=one.endswith("int8"))
        sweeps = {}
        for peer in ("trainer", "bare"):
            part = keep([texts[i] for i in chosen(len(texts), options.sweep_rows)], folder / "part")
            sweeps[peer] = run(peer, trained, part, options, sweep=True)
            print(f"{peer} at its best: {sweeps[peer]['best']}", flush=True)
        asked = [texts[i] for i in chosen(len(texts), options.rows)]
        tokens = count_tokens(asked, options.max_tokens)
        arm = partial(run, folder=trained, texts=keep(asked, folder / "texts"), options=options)
        best = {peer: found["best"] for peer, found in sweeps.items()}
        rounds = interleave(
            {
                "luthier": partial(arm, "luthier"),
                **{
                    f"luthier-{one}": partial(arm, "luthier", settings={"precision": one})
                    for one in options.precision
                },
                "trainer-default": partial(arm, "trainer"),
                "trainer-best": partial(arm, "trainer", settings=best["trainer"]),
                "bare": partial(arm, "bare", settings=best["bare"]),
            },
            options.rounds,
        )
    for one in rounds:
        tell(one, tokens)
    summary = summarise(rounds)
    for arm, one in summary.items():
        print(f"{arm:16} {one}")
    about = {"rows": options.rows, "tokens": tokens, "machine": luthier.environment.describe()}
    write("prediction", {"summary": summary, "sweeps": sweeps, "rounds": rounds, "about": about})
    labels = {arm: f"{arm}, {found['precision']}" for arm, found in rounds[0].items()}
    panels = [
        Panel("real tokens per second", values(rounds, labels, "tokens_per_second")),
        Panel("processor seconds", values(rounds, labels, "cpu_seconds")),
        Panel("peak resident memory, MiB", values(rounds, labels, "peak_mib")),
    ]
    title = (
        f"prediction: MiniLM, {options.rows} reviews, {rounds[0]['luthier']['threads']} thread(s)"
    )
    draw_rounds(title, panels, FOLDER / "prediction.svg")


def train(options: argparse.Namespace, folder: Path) -> Path:
    """Fine-tune for a few steps: what is answered is no question here."""
    recipe = {
        **review_recipe(
            options.data / "train.csv",
            limit={"train": 64, "validation": 16, "test": 32},
            max_tokens=options.max_tokens,
            ignore_findings=["conflicting-labels"],
        ),
        "training": {"max_steps": 4, "use_cpu": True},
        "baselines": [],
    }
    with quietly():
        return Path(luthier.run(recipe, options.set, out=folder).folder)


def keep(texts: list[str], path: Path) -> Path:
    """Write texts for the arms."""
    path.write_text(json.dumps(texts), encoding="utf-8")
    return path


def count_tokens(texts: list[str], max_tokens: int) -> int:
    """Count real tokens, special ones included."""
    encoded = load_tokenizer(MINILM)(texts, truncation=True, max_length=max_tokens)
    return sum(map(len, encoded["input_ids"]))


def run(
    arm: str,
    folder: Path,
    texts: Path,
    options: argparse.Namespace,
    *,
    settings: dict[str, Any] | None = None,
    sweep: bool = False,
) -> dict[str, Any]:
    """Run an arm once in a fresh process."""
    words = [arm, str(folder), str(texts), f"--max-tokens={options.max_tokens}"]
    words += [f"--settings={json.dumps(settings or {})}"] + ["--sweep"] * sweep
    return run_fresh("prediction.arm", words, threads=options.threads)


def tell(found: Round, tokens: int) -> None:
    """Put in what follows from the answers, in their place; print it."""
    own = found["luthier"]["answers"]
    for one in found.values():
        one["tokens_per_second"] = tokens / one["seconds"]
        one["rows_per_second"] = len(own) / one["seconds"]
        same = sum(a == b for a, b in zip(one["answers"], own, strict=True))
        one["same_as_luthier"] = same / len(own)
    for arm, one in found.items():
        one["arm"] = arm
        del one["answers"]
        print(json.dumps(one), flush=True)


def summarise(rounds: list[Round]) -> dict[str, Any]:
    """Give every arm's medians, and Luthier's ratios to it."""
    return {
        arm: {
            **{key: median([one[arm][key] for one in rounds]) for key in KEYS},
            "same_as_luthier": min(one[arm]["same_as_luthier"] for one in rounds),
            "precision": rounds[0][arm]["precision"],
            "luthier_against_it": {
                key: told["median"] for key, told in ratios(rounds, "luthier", arm, KEYS).items()
            },
        }
        for arm in rounds[0]
    }
