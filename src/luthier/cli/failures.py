"""How the command line reports errors, and its exit codes.

2    the user can fix it: a recipe, a file, an option (as in typer)
1    the data has errors (`inspect`), or this is a bug in Luthier
130  stopped by Ctrl-C; 143: terminated (SIGTERM)
"""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import textwrap
import traceback
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperGroup

from luthier.cli.refusals import refusal
from luthier.cli.visible import visible
from luthier.errors import LuthierError
from luthier.signals import Interrupted, Terminated
from luthier.surrogates import without_surrogates


class Commands(TyperGroup):
    """The group of all commands; prints errors that users can fix without a traceback."""

    def invoke(self, ctx: Any) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LuthierError as problem:
            if not getattr(problem, "is_told_elsewhere", False):
                tell(problem)
            raise typer.Exit(2) from None
        except (OSError, MemoryError, RuntimeError, ImportError) as problem:
            if (refused := refusal(problem)) is None:
                raise
            tell(refused)
            raise typer.Exit(2) from None
        except (KeyboardInterrupt, Terminated) as stop:
            if getattr(stop, "is_told_elsewhere", False):
                raise typer.Exit(getattr(stop, "code", 130)) from None
            print(f"\n{visible(getattr(stop, 'problem', 'Stopped.'))}", file=sys.stderr)
            if isinstance(stop, (Interrupted, Terminated)):
                print("  to resume: run the same command again", file=sys.stderr)
            raise typer.Exit(getattr(stop, "code", 130)) from None


def tell(problem: LuthierError) -> None:
    """Print a problem, what was received, and the fix; in colour and wrapped on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    width = console.width if console.is_terminal else None
    words = _wrapped(visible(problem.problem), width)
    console.print(Text("Error: ", "bold red").append(words, "not bold default"))
    for label, detail, style in (
        ("received:", problem.received, "bold"),
        ("fix:     ", problem.hint, "bold green"),
    ):
        if detail is not None:
            console.print(Text(f"  {label} ", style).append(visible(detail), "not bold default"))


def _wrapped(text: str, width: int | None) -> str:
    """Wrap text between words with hanging indentation; leave it whole without a terminal."""
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
    """Report a bug in one line; its traceback is written to a file."""
    lines = traceback.format_exception(kind, problem, trace)
    first = (str(problem).strip().splitlines() or [""])[0]
    print(visible(f"This is a bug in Luthier: {kind.__name__}: {first[:200]}"), file=sys.stderr)
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="luthier-bug-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            file.write(f"command: {sys.argv}\n")
            file.writelines(lines)
        print(f"  details:  {file.name}", file=sys.stderr)
    except OSError:  # the disk is full
        print(visible(f"  details:  {''.join(lines[-3:])}"), file=sys.stderr)
    print("  fix:      please report it and attach that file", file=sys.stderr)


def refuse_undecoded_arguments() -> None:
    """Exit if an argument is no text: bytes of another encoding reach Python as surrogates."""
    for argument in sys.argv[1:]:
        if argument != without_surrogates(argument):
            name = sys.getfilesystemencoding()
            tell(
                LuthierError(
                    f"An argument is not text in the encoding of this terminal, {name}.",
                    received=repr(os.fsencode(argument))[1:][:120],
                    hint="give it in UTF-8 (with the environment variable PYTHONUTF8=1 if the "
                    "terminal has another encoding), or put texts into a file: --file FILE",
                )
            )
            raise SystemExit(2)


class PatientStream(io.TextIOWrapper):
    """A stream that goes on when nobody reads it any more (`luthier run … | head -1`)."""

    def write(self, text: str) -> int:
        """Write, if anybody reads."""
        try:
            return super().write(text)
        except OSError as problem:
            self._write_nowhere(problem)
            return len(text)

    def flush(self) -> None:
        """Flush, if anybody reads."""
        try:
            super().flush()
        except OSError as problem:
            self._write_nowhere(problem)

    def _write_nowhere(self, problem: OSError) -> None:
        if problem.errno not in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
            raise problem
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())


def accept_any_console() -> None:
    """Print a replacement for what a console cannot encode (cp1252), and outlive a closed pipe."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:
            is_terminal, encoding = stream.isatty(), stream.encoding
            stream.flush()
            patient = PatientStream(
                stream.detach(), encoding, errors="replace", line_buffering=is_terminal
            )
            setattr(sys, name, patient)
            setattr(sys, f"__{name}__", patient)
        elif (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="replace")
