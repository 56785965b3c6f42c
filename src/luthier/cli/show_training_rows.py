"""Shows training rows in a terminal: those nearest to a row, and those that moved its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rich.text import Text

from luthier.cli.visible import visible

LONGEST = 100  # characters of a row's texts
AGREES = {True: "same", False: "other", None: ""}


def nearest_lines(rows: Sequence[Mapping[str, Any]], indent: str) -> Iterator[Text]:
    """Write the nearest training rows, one in a line: cosine, answer, place and text."""
    if rows:
        yield Text(f"{indent}nearest training rows (cosine, answer, place)", "dim")
    for row in rows:
        vote = f"  vote {100 * row['vote']:.0f} %" if "vote" in row else ""
        yield _line(row, f"{indent}{row['similarity']:.3f}{vote}  ", AGREES[row["agrees"]])


def influential_lines(rows: Sequence[Mapping[str, Any]], indent: str) -> Iterator[Text]:
    """Write the training rows that moved a decision: those for it, then those against it."""
    for name, sign in (("for it", 1), ("against it", -1)):
        chosen = [row for row in rows if row["cosine"] * sign > 0]
        if chosen:
            heading = f"training rows that spoke {name} (cosine of gradients, answer, place)"
            yield Text(f"{indent}{heading}", "dim")
        for row in chosen:
            yield _line(row, f"{indent}{row['cosine']:+.3f}  ", "")


def _line(row: Mapping[str, Any], begun: str, agrees: str) -> Text:
    made = Text(begun).append(visible(_answer(row["gold"])), "bold")
    if agrees:
        made.append(f" ({agrees})")
    place, _, line = str(row["row"]).rpartition(":")
    made.append(visible(f"  {PurePath(place).name}:{line}  "), "dim")
    return made.append(visible(_shortened(row["texts"])))


def _answer(gold: Any) -> str:
    if isinstance(gold, list):
        return ", ".join(map(str, gold)) or "no label"
    return f"{gold:.4g}" if isinstance(gold, float) else str(gold)


def _shortened(texts: Mapping[str, str]) -> str:
    flat = " | ".join(" ".join(text.split()) for text in texts.values())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"
