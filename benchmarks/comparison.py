"""Luthier's training against Hugging Face's, as it comes and at its best, and against a bare loop.

One measurement: the peers' settings are swept, then all arms take turns in fresh processes, and
the roofline is measured among them. Which rows and model: the folders that import this.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import luthier.environment
from benchmarks.arms import arguments
from benchmarks.figure import Panel, draw_rounds
from benchmarks.models import ready_model
from benchmarks.peers import DEFAULT
from benchmarks.problems import PROBLEMS
from benchmarks.processes import (
    FOLDER,
    Round,
    interleave,
    median,
    ratios,
    run_arm,
    run_fresh,
    words_of,
    write,
)

KEYS = ("seconds", "cpu_seconds", "peak_mib", "tokens_per_second")
ROOFLINE = "roofline"


def options_of(description: str, **defaults: Any) -> argparse.ArgumentParser:
    """Make the options of a comparison."""
    parser = arguments(description, **defaults)
    parser.add_argument("--rounds", type=int, default=defaults.get("rounds", 5))
    parser.add_argument(
        "--sweep-rows", type=int, default=defaults.get("sweep_rows", 160), help="of the slice"
    )
    parser.add_argument("--sweep-passes", type=int, default=defaults.get("sweep_passes", 2))
    parser.add_argument("--compile", action="store_true", help="sweep torch.compile too")
    return parser


def compare(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """Sweep, run the rounds, and keep what was found as JSON and figure.

    Args:
        options: Of the command line.
        name: Of the files that are written.
    """
    problem = PROBLEMS[options.problem]
    texts = [options.data / f"train.{language}" for language in ("en", "de")]
    options.model = ready_model(options.model, FOLDER / "models", texts=texts)
    sweeps = {peer: sweep(peer, options) for peer in ("trainer", "bare")}
    arm = partial(run_arm, options=options, score=options.score)
    rounds = interleave(
        {
            "luthier": partial(arm, "luthier"),
            "trainer-default": partial(arm, "trainer", name="trainer-default", settings=DEFAULT),
            "trainer-best": partial(
                arm, "trainer", name="trainer-best", settings=sweeps["trainer"]["best"]
            ),
            "bare": partial(arm, "bare", settings=sweeps["bare"]["best"]),
            ROOFLINE: partial(measure_roofline, options),
        },
        options.rounds,
    )
    summary = summarise(rounds)
    for line in lines(summary):
        print(line)
    about = {
        "options": {key: str(value) for key, value in vars(options).items()},
        "machine": luthier.environment.describe(),
        "max_tokens": options.max_tokens or problem.max_tokens,
    }
    found = {"summary": summary, "sweeps": sweeps, "rounds": rounds, "about": about}
    write(name, found)
    draw(rounds, f"{name}: {title(options, rounds)}", name)
    return found


def sweep(peer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Find a peer's best settings on a slice."""
    n_rows = min(options.sweep_rows, options.rows or options.sweep_rows)
    words = [peer, *words_of(options, rows=n_rows, epochs=1, steps=None, set=[])]
    words += [f"--passes={options.sweep_passes}"] + ["--compile"] * options.compile
    found = run_fresh("sweep", words, threads=options.threads)
    for one in found["tried"]:
        taken = "too slow" if one["seconds"] is None else f"{one['seconds']:.2f} s"
        print(f"{peer}: {taken:>10}  {one['settings']}")
    print(f"{peer} at its best: {found['best']}", flush=True)
    return {**found, "rows": n_rows}


def measure_roofline(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the bound in a process of its own."""
    words = words_of(options, set=[])
    return run_fresh("roofline", words, threads=options.threads)


def summarise(rounds: list[Round]) -> dict[str, Any]:
    """Give every arm's medians, Luthier's ratios to it, and its distance above the roofline."""
    found = {}
    bound = least_bound(rounds)
    for arm in rounds[0]:
        if arm == ROOFLINE:
            continue
        own = [one[arm] for one in rounds]
        found[arm] = {
            **{key: median([one[key] for one in own]) for key in KEYS},
            "precision": sorted({one["precision"] for one in own}),
            "settings": own[0]["settings"],
            "steps": sorted({one["steps"] for one in own}),
            "luthier_against_it": ratios(rounds, "luthier", arm, KEYS),
            "above_roofline": median([one["seconds"] / bound[one["precision"]] for one in own]),
            "steps_above_roofline": median(
                [one["seconds_in_steps"] / bound[one["precision"]] for one in own]
            ),
            "processor_seconds_above_roofline": median(
                [one["cpu_seconds"] / (one["threads"] * bound[one["precision"]]) for one in own]
            ),
            "above_roofline_of_best_precision": median(
                [one["seconds"] / min(bound.values()) for one in own]
            ),
        }
        if "accuracy" in own[0]:
            found[arm]["accuracy"] = median([one["accuracy"] for one in own])
    return found


def least_bound(rounds: list[Round]) -> dict[str, float]:
    """Give the bound of each precision: the least of all rounds, as the machine can do no better.

    In a round in which others take the processors' time, products are slow too, and what was
    measured then would bound nothing.
    """
    each = [one[ROOFLINE]["bound"] for one in rounds]
    return {precision: min(one[precision] for one in each) for precision in each[0]}


def lines(summary: dict[str, Any]) -> list[str]:
    """Say what was found: a line for each arm."""
    found = []
    for arm, one in summary.items():
        against = one["luthier_against_it"]
        found.append(
            f"{arm:16} {'/'.join(one['precision']):5} {one['tokens_per_second']:8.0f} real tokens/s"
            f"  {one['above_roofline']:6.2f} × roofline   Luthier against it: wall seconds "
            f"×{against['seconds']['median']:.3f}, processor seconds "
            f"×{against['cpu_seconds']['median']:.3f}, peak memory "
            f"×{against['peak_mib']['median']:.3f}"
        )
    if len({tuple(one["steps"]) for one in summary.values()}) > 1:
        steps = ", ".join(f"{arm} {one['steps']}" for arm, one in summary.items())
        found.append(f"The arms did not take the same steps: {steps}.")
    return found


def title(options: argparse.Namespace, rounds: list[Round]) -> str:
    """Say what was trained."""
    seen = rounds[0]["luthier"]
    model = str(options.model).rpartition("/")[2].removeprefix("package:gt-")
    return (
        f"{model}, {seen['rows']} rows of {options.problem}, {seen['steps']} steps of "
        f"{options.batch_size}, {seen['threads']} thread{'s' * (seen['threads'] > 1)}"
    )


def draw(rounds: list[Round], name: str, file: str) -> None:
    """Draw speed, processor time, memory and distance above the roofline."""
    labels = {arm: f"{arm}, {rounds[0][arm]['precision']}" for arm in rounds[0] if arm != ROOFLINE}
    least = min(least_bound(rounds).values())
    panels = [
        Panel("real tokens per second", values(rounds, labels, "tokens_per_second")),
        Panel("processor seconds", values(rounds, labels, "cpu_seconds")),
        Panel("peak resident memory, MiB", values(rounds, labels, "peak_mib")),
        Panel(
            "wall seconds ÷ roofline of the work left after exact speed-ups",
            {
                label: [one[arm]["seconds"] / least for one in rounds]
                for arm, label in labels.items()
            },
        ),
    ]
    draw_rounds(name, panels, FOLDER / f"{file}.svg")


def values(rounds: list[Round], labels: dict[str, str], key: str) -> dict[str, list[float]]:
    """Collect what every arm has of one key."""
    return {label: [one[arm][key] for one in rounds] for arm, label in labels.items()}
