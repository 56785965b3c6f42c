"""How long does it take until the first step begins, and what takes it?

python -m benchmarks startup --data FOLDER

Imports, the reading of files and model, and what is between a model that is read and the first
step: for Luthier checking of the data, tokenization, trials; with and without the checking.
"""

from __future__ import annotations

from functools import partial

from benchmarks.arms import arguments
from benchmarks.comparison import values
from benchmarks.figure import Panel, draw_rounds
from benchmarks.models import ready_model
from benchmarks.processes import FOLDER, interleave, median, ratios, run_arm, write

KEYS = ("seconds_before_first_step", "seconds_of_imports", "seconds_of_loading")


def main() -> None:
    """Run two steps of every arm in turn."""
    parser = arguments(__doc__ or "", rows=1000, steps=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.model = ready_model(options.model, FOLDER / "models")
    arm = partial(run_arm, options=options)
    rounds = interleave(
        {
            "luthier-checked": partial(arm, "luthier", name="luthier-checked", checked=True),
            "luthier": partial(arm, "luthier"),
            "trainer-default": partial(arm, "trainer", name="trainer-default"),
            "bare": partial(arm, "bare"),
        },
        options.rounds,
    )
    summary = {
        arm: {
            **{key: median([one[arm][key] for one in rounds]) for key in KEYS},
            "luthier_against_it": ratios(rounds, "luthier", arm, KEYS[:1]),
        }
        for arm in rounds[0]
    }
    for arm, one in summary.items():
        told = ", ".join(f"{key.replace('_', ' ')} {one[key]:.2f}" for key in KEYS)
        print(f"{arm:16} {told}")
    write("startup", {"summary": summary, "rounds": rounds})
    labels = {arm: f"{arm}, {rounds[0][arm]['precision']}" for arm in rounds[0]}
    panels = [
        Panel(
            "seconds from a model that is read to the first step", values(rounds, labels, KEYS[0])
        ),
        Panel("seconds of imports, from the process's start", values(rounds, labels, KEYS[1])),
        Panel("seconds of reading files, tokenizer and model", values(rounds, labels, KEYS[2])),
    ]
    seen = rounds[0]["luthier"]
    title = f"startup: {seen['rows']} rows, {seen['threads']} thread(s)"
    draw_rounds(title, panels, FOLDER / "startup.svg")
