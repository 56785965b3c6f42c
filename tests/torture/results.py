"""R10: a finished run that is not as it was written answers nothing, whichever command reads it.

R12: nor does one without a manifest whose documents disagree. The commands come from a starter.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.seals import without_seal
from tests.torture.damage import cut, delete, flip, swap
from tests.torture.documents import DISAGREEMENTS, Change, rewrite
from tests.torture.trial import Bench, Ended, Starter, file_hash

DAMAGES = {
    "deleted": delete,
    "empty": cut(0.0),
    "cut": cut(0.6),
    "bit at the start": flip(0.0),
    "bit in the middle": flip(0.5),
    "bit at the end": flip(1.0),
    "of another run": swap,
}
MODEL = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
DOCUMENTS = (
    *("target", "data", "scores", "comparison", "panels", "environment", "status", "attempts"),
    "manifest",
)
BESIDE = ("recipe.yaml", "predictions.jsonl", "events.jsonl")
COMMANDS: dict[str, tuple[str, ...]] = {
    "predict": ("predict", "run", "a good day"),
    "evaluate": ("evaluate", "run", "--data", "rows.csv"),
    "export": ("export", "run", "--out", "plain"),
    "compare": ("compare", "run", "whole"),
    "report": ("report", "run"),
}


def bench(folder: Path) -> Bench:
    """Make the bench with a finished run."""
    made = Bench(folder, baselines=["majority"], training={"max_steps": 4})
    assert made.finish("whole").code == 0
    assert made.finish("other", "training.seed=1").code == 0
    return made


def cases(made: Bench) -> Iterator[tuple[str, str]]:
    """Walk over the files of a result, and what is done to each."""
    files = (
        *(f"model/{name}" for name in MODEL),
        *(f"{name}.json" for name in DOCUMENTS),
        *BESIDE,
    )
    for file in files:
        both = (file_hash(made.folder / run / file) for run in ("whole", "other"))
        is_other = len(set(both)) > 1 and file != "manifest.json"
        for damage in DAMAGES:
            if damage != "of another run" or is_other:
                yield file, damage


def trials(made: Bench, starter: Starter, *, every: int = 1) -> list[tuple[str, bool]]:
    """Damage each file of a run in every way, or in every n-th."""
    return [
        (f"{name}, {file} {damage}{told}", not told)
        for file, damage in list(cases(made))[::every]
        for name in COMMANDS
        for told in [_told(made, starter, name, file, damage)]
    ]


def _told(made: Bench, starter: Starter, name: str, file: str, damage: str) -> str:
    """Damage a file; say what is wrong with what a command makes of it: nothing, if it refuses."""

    def change(run: Path) -> None:
        DAMAGES[damage](run / file, made.folder / "other" / file)

    return _asked(made, starter, name, change, file)


def disagreements(made: Bench, starter: Starter, *, every: int = 1) -> list[tuple[str, bool]]:
    """Let documents of a run without a manifest disagree in each way, or in every n-th."""
    found = []
    for what, (file, change) in list(DISAGREEMENTS.items())[::every]:
        for name in COMMANDS:

            def alter(run: Path, file: str = file, change: Change = change) -> None:
                rewrite(without_seal(run) / file, change)

            told = _asked(made, starter, name, alter, file)
            found.append((f"{name}, {what}{told}", not told))
    return found


def _asked(
    made: Bench, starter: Starter, name: str, change: Callable[[Path], object], file: str
) -> str:
    place = made.folder / f"trial-{name}"
    for run in ("run", "whole"):
        shutil.copytree(made.folder / "whole", place / run)
    shutil.copy(made.folder / "rows.csv", place)
    change(place / "run")
    ended = starter.begin(place, COMMANDS[name]).wait()
    is_refused = _is_refused(ended, file) and not (place / "plain").exists()
    shutil.rmtree(place)
    return "" if is_refused else f": {ended.code} {ended.said[-200:]}"


def _is_refused(ended: Ended, file: str) -> bool:
    said = ended.said.replace("\n", "")
    is_named = Path(file).name in said or (file == "recipe.yaml" and "no run" in said)
    return ended.code == 2 and is_named and "Traceback" not in said
