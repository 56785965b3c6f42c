"""S9: no name from a file, a folder or a cell reaches the terminal as control characters.

Each sign stands in a label, a column, a cell, the name of the file and that of the run: what
it does to a terminal, every command that prints could let it do. A trial is a sign in a place.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import yaml

from luthier.cli.visible import visible
from tests.tiny import write_tiny_model
from tests.torture.trial import Starter
from tests.toys import toy_rows, toy_tree

SIGNS = {
    "escape": "\x1b[31mred\x1b[0m",
    "title": "\x1b]0;title\x07",
    "C1 control": "\x9b31m",
    "bidi override": "\u202eevil",
    "bidi isolate": "\u2066in\u2069",
    "zero width": "\u200b\ufeff",
    "newline": "two\nlines\r",
    "line separator": "\u2028\x08\x7f",
}
PLACES = ("label", "column", "cell", "file", "run")


def trials(folder: Path) -> list[tuple[str, bool]]:
    """Put each sign into all places; say of each pair whether a command printed it raw."""
    base = write_tiny_model("bert", folder / "model")
    found = []
    with Starter() as starter:
        for number, sign in enumerate(SIGNS):
            told = "".join(_raw(starter, folder / str(number), base, sign))
            found += [(f"{sign} in a {place}{told}", not told) for place in PLACES]
    return found


def _raw(starter: Starter, folder: Path, base: Path, sign: str) -> Iterator[str]:
    """Walk over the commands that print a sign as it is."""
    named = {place: place + SIGNS[sign] for place in PLACES}
    folder.mkdir()
    rows = toy_rows("text-classification")
    file, column = f"{named['file']}.csv", named["column"]
    with (folder / file).open("w", encoding="utf-8", newline="") as opened:
        table = csv.writer(opened)
        table.writerow([column, "answer", "place"])
        for text, label in zip(rows["text"], rows["label"], strict=True):
            table.writerow([f"{text} {named['cell']}", f"{label} {named['label']}", named["cell"]])
    tree = toy_tree("text-classification", base, baselines=["majority"], training={"max_steps": 2})
    tree["data"] |= {"train": file, "columns": {"text": column, "label": "answer"}}
    tree["evaluation"]["slices"] = ["place"]
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    run = named["run"]
    for words in (
        ("init", file, "--out", "made.yaml"),
        ("inspect", "recipe.yaml"),
        ("run", "recipe.yaml", "--out", run),
        ("runs", "."),
        ("predict", run, f"a day {named['cell']}"),
        ("evaluate", run, "--data", file),
        ("compare", run, run),
        ("report", run),
        ("export", run, "--out", f"plain {run}"),
        ("predict", f"plain {run}", "a day", "--json"),
        ("predict", f"no {run}", "a day"),
        ("run", f"no {file}"),
    ):
        said = starter.begin(folder, words).wait().said
        if visible(said) != said or "Traceback" in said:
            yield f"; {words[0]}: {said[-200:]!r}"
