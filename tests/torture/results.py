"""R10: a finished run that is not as it was written answers nothing, whichever command reads it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.torture.damage import cut, delete, flip
from tests.torture.trial import Bench, Child, command

DAMAGES = {
    "deleted": delete,
    "empty": cut(0.0),
    "cut": cut(0.6),
    "bit at the start": flip(0.0),
    "bit in the middle": flip(0.5),
    "bit at the end": flip(1.0),
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
    return made


def cases() -> Iterator[tuple[str, str]]:
    """Walk over the files of a result, and what is done to each."""
    files = (
        *(f"model/{name}" for name in MODEL),
        *(f"{name}.json" for name in DOCUMENTS),
        *BESIDE,
    )
    for file in files:
        for damage in DAMAGES:
            yield file, damage


def trial(made: Bench, number: int, file: str, damage: str) -> Iterator[tuple[str, bool]]:
    """Damage a copy of the run; say of each command whether it names the file and does nothing."""
    for name, words in COMMANDS.items():
        place = made.folder / f"trial-{number}-{name}"
        shutil.copytree(made.folder / "whole", place / "run")
        shutil.copytree(made.folder / "whole", place / "whole")
        shutil.copy(made.folder / "rows.csv", place)
        path = place / "run" / file
        DAMAGES[damage](path, path)

        def work(place: Path = place, words: tuple[str, ...] = words) -> None:
            os.chdir(place)
            command(*words)

        ended = Child(work).wait()
        told = ended.said.replace("\n", "")
        is_told = Path(file).name in told or (file == "recipe.yaml" and "no run" in told)
        passed = ended.code == 2 and is_told and not (place / "plain").exists()
        yield f"{name}, {file} {damage}{'' if passed else f': {ended.code} {told[-200:]}'}", passed
        shutil.rmtree(place)


def trials(made: Bench, *, every: int = 1) -> list[tuple[str, bool]]:
    """Count all cases, or every n-th."""
    chosen = list(cases())[::every]
    return [one for number, case in enumerate(chosen) for one in trial(made, number, *case)]
