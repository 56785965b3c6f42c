"""Find the settings with which a peer is fastest on this machine, for this model and these rows.

Every combination trains over a slice of the rows, all in one process, forwards and then backwards
through the list; the fastest of a combination's passes counts. One that has taken half as long
again as the best so far is broken off. bf16 is tried first with what was best in float32: where
that is broken off, other settings cannot save it, and it is not tried with them (some processors
need thirty times as long). Prints one line of JSON.
"""

from __future__ import annotations

import copy
import itertools
import json
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks.arms import LIBRARIES, arguments
from benchmarks.peers import GROUPED, PEERS, Start

GIVEN_UP = 1.5  # times the best so far
COMPILERS = ("c++", "g++", "clang++")
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "trainer": {
        "bf16": (False, True),
        "train_sampling_strategy": ("group_by_length", "random"),
        "dataloader_num_workers": (0, 1),
    },
    "bare": {"bf16": (False, True)},
}
ALWAYS: dict[str, dict[str, Any]] = {"trainer": GROUPED, "bare": {}}


class TooSlowError(Exception):
    """A combination cannot become the best any more."""


def combinations(peer: str, *, compiled: bool) -> list[dict[str, Any]]:
    """List the settings to try.

    Args:
        peer: `trainer` or `bare`.
        compiled: Whether to try `torch.compile` too, where there is a C++ compiler.
    """
    grid = dict(GRIDS[peer])
    if compiled and peer == "trainer":
        if not any(map(shutil.which, COMPILERS)):
            sys.exit(f"--compile needs a C++ compiler; looked for: {', '.join(COMPILERS)}.")
        grid["torch_compile"] = (False, True)
    return [
        {**ALWAYS[peer], **dict(zip(grid, values, strict=True))}
        for values in itertools.product(*grid.values())
    ]


def find_fastest(
    tried: list[dict[str, Any]], work: Callable[[dict[str, Any]], Any], *, passes: int
) -> list[float | None]:
    """Give the least seconds of every combination; None where it was too slow."""
    found: list[float | None] = [None] * len(tried)
    left = list(range(len(tried)))

    def attempt(index: int) -> bool:
        known = [one for one in found if one is not None]
        is_compiled = tried[index].get("torch_compile", False)  # its beginning tells nothing
        limit = GIVEN_UP * min(known) if known and not is_compiled else None
        seconds = timed(tried[index], work, limit=limit)
        if seconds is None:
            if found[index] is None:
                left.remove(index)
            return False
        found[index] = min(seconds, found[index] or seconds)
        return True

    for turn in range(passes):
        plain = [index for index in left if not tried[index]["bf16"]]
        for index in plain if turn % 2 == 0 else plain[::-1]:
            attempt(index)
        mixed = [index for index in left if tried[index]["bf16"]]
        mixed.sort(key=lambda index: found[tried.index({**tried[index], "bf16": False})] or 1e9)
        for number, index in enumerate(mixed):
            if not attempt(index) and number == 0 and turn == 0:
                left = [one for one in left if one not in mixed]
                break
    return found


def timed(
    settings: dict[str, Any], work: Callable[[dict[str, Any]], Any], *, limit: float | None
) -> float | None:
    """Time a training; None if it was broken off after so many seconds, where there is a limit."""
    began = time.perf_counter()

    def look(*_: Any) -> None:
        if limit is not None and time.perf_counter() - began > limit:
            raise TooSlowError

    hooks = []
    if limit is not None:
        hooks = [register_optimizer_step_post_hook(look), register_module_forward_hook(look)]
    try:
        work(settings)
    except TooSlowError:
        return None
    finally:
        for hook in hooks:
            hook.remove()
    return time.perf_counter() - began


def main() -> None:
    """Try all settings of a peer; rows and epochs are those of the slice."""
    warnings.filterwarnings("ignore")
    parser = arguments(__doc__ or "")
    parser.add_argument("peer", choices=GRIDS)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="try torch.compile too")
    options = parser.parse_args()
    for library in LIBRARIES[options.peer]:
        import_module(library)
    start = Start.read(options)

    def train(settings: dict[str, Any], n_rows: int | None = None) -> None:
        fresh = replace(start, model=copy.deepcopy(start.model), rows=start.rows[:n_rows])
        PEERS[options.peer](fresh, options, settings)

    tried = combinations(options.peer, compiled=options.compile)
    train(tried[0], 4)  # the first of a process is slow
    print(json.dumps(report(tried, find_fastest(tried, train, passes=options.passes))))


def report(tried: list[dict[str, Any]], seconds: list[float | None]) -> dict[str, Any]:
    """Say which settings were the fastest, and what each took."""
    known = [(one, index) for index, one in enumerate(seconds) if one is not None]
    told: list[dict[str, Any]] = [
        {"settings": one, "seconds": None if taken is None else round(taken, 3)}
        for one, taken in zip(tried, seconds, strict=True)
    ]
    return {"best": tried[min(known)[1]], "tried": told}


if __name__ == "__main__":
    main()
