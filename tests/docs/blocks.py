"""The code blocks of the documentation, and what is said of those that are not run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md"))
    if path.is_file()
)
FENCE = re.compile(r"^```(\w*)\s*$")
NOT_RUN = re.compile(r"^<!-- not run: (.+) -->$")


class Block(NamedTuple):
    """A fenced block: where it stands, its language, its text, and why it is not run, if so."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Find the fenced blocks of a page; one is marked by a comment on the line before it."""
    found, before, start, language = [], "", 0, ""
    inside: list[str] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside, start, language = [], number, fence[1]
            reason = NOT_RUN.match(before)
        elif inside is not None and line.rstrip() == "```":
            said = reason[1] if reason else None
            found.append(Block(page, start, language, "\n".join(inside) + "\n", said))
            inside = None
        elif inside is not None:
            inside.append(line)
        before = line.strip() or before
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def commands_of(block: Block) -> list[list[str]]:
    """Cut a block of shell into commands; in a console block only lines after `$` are typed."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    words = [shlex.split(line, comments=True) for line in lines]
    return [one for one in words if one]
