"""How the command line says that something went wrong, and with which exit code it leaves.

2    the user can mend it: a recipe, a file, an option (as typer does it)
1    the data has errors (`inspect`), or this is a bug in Luthier
130  stopped by Ctrl-C; 143: asked to end (SIGTERM)
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
import traceback
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperGroup

from luthier.cli.visible import visible
from luthier.errors import LuthierError
from luthier.signals import Interrupted, Terminated


class Doors(TyperGroup):
    """The group of all commands; it turns what users can mend into a message, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LuthierError as problem:
            tell(problem)
            raise typer.Exit(2) from None
        except (KeyboardInterrupt, Terminated) as stop:
            print(f"\n{visible(getattr(stop, 'problem', 'Stopped.'))}", file=sys.stderr)
            if isinstance(stop, (Interrupted, Terminated)):
                print("  to go on: the same command again", file=sys.stderr)
            raise typer.Exit(getattr(stop, "code", 130)) from None


def tell(problem: LuthierError) -> None:
    """Print a problem, what was received, and the fix; on a terminal in colour, wrapped."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    width = console.width if console.is_terminal else None
    told = _wrapped(visible(problem.problem), width)
    console.print(Text("Error: ", "bold red").append(told, "not bold default"))
    for label, words, style in (
        ("received:", problem.received, "bold"),
        ("fix:     ", problem.hint, "bold green"),
    ):
        if words is not None:
            console.print(Text(f"  {label} ", style).append(visible(words), "not bold default"))


def _wrapped(text: str, width: int | None) -> str:
    """Wrap between words, lines that go on set in; whole where nobody looks."""
    if width is None:
        return text
    return "\n".join(
        textwrap.fill(
            line,
            max(40, width),
            initial_indent="       " if index == 0 else "",  # where "Error: " goes
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for index, line in enumerate(text.splitlines())
    ).removeprefix("       ")


def tell_bug(
    kind: type[BaseException], problem: BaseException, trace: TracebackType | None
) -> None:
    """Say in short that this should not have happened; the traceback goes into a file."""
    lines = traceback.format_exception(kind, problem, trace)
    first = (str(problem).strip().splitlines() or [""])[0]
    print(f"This is a bug in Luthier: {kind.__name__}: {first[:200]}", file=sys.stderr)
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="luthier-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            file.write(f"command: {sys.argv}\n")
            file.writelines(lines)
        print(f"  details:  {file.name}", file=sys.stderr)
    except OSError:  # the disk is full
        print(f"  details:  {''.join(lines[-3:])}", file=sys.stderr)
    print("  fix:      please report it, with that file", file=sys.stderr)


def accept_any_console() -> None:
    """Print a replacement rather than stop where a console lacks a character (cp1252, say)."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
