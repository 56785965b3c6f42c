"""Single keys from a terminal, or whole lines where there is none.

POSIX terminals give keys as they are pressed (termios), Windows consoles likewise (msvcrt). Input
that is no terminal, or a terminal that has neither, gives lines.
"""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

ENTER, BACKSPACE, ESCAPE, UP, DOWN, END = "enter", "backspace", "escape", "up", "down", "end"
NAMED = {"\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\b": BACKSPACE, "\x04": END, "\x1b": ESCAPE}
SEQUENCES = {"[A": UP, "[B": DOWN, "OA": UP, "OB": DOWN, "[5~": UP, "[6~": DOWN}
WINDOWS = {"H": UP, "P": DOWN, "I": UP, "Q": DOWN}  # second halves of arrows and pages
MOMENT = 0.02  # seconds between two looks at a console, and within which a sequence is complete


class Keys(Protocol):
    """Keys, one at a time: a character, or one of the names above."""

    def read(self, seconds: float) -> str | None:
        """Give the next key; None if there is none within so many seconds."""
        ...


class PosixKeys:
    """Keys of a POSIX terminal.

    Args:
        number: Its file descriptor.
    """

    def __init__(self, number: int):
        self.number = number
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""

    def read(self, seconds: float) -> str | None:
        """Give the next key, if there is one in time."""
        if not self._waiting and not self._take(seconds):
            return None
        if not self._waiting:
            return None  # the first bytes of a character
        key, self._waiting = self._waiting[0], self._waiting[1:]
        if key == "\x1b":
            if not self._waiting:
                self._take(MOMENT)
            return self._sequence()
        return NAMED.get(key, key)

    def _take(self, seconds: float) -> bool:
        import select

        if not select.select([self.number], [], [], seconds)[0]:
            return False
        content = os.read(self.number, 1024)
        self._waiting += self._decoder.decode(content) if content else "\x04"
        return True

    def _sequence(self) -> str:
        """Read the rest of an escape sequence; one that has no meaning here counts as Escape."""
        if self._waiting[:1] not in ("[", "O"):
            return ESCAPE
        end = next((n for n, sign in enumerate(self._waiting[1:], 1) if sign >= "@"), 0)
        found, self._waiting = self._waiting[: end + 1], self._waiting[end + 1 :]
        return SEQUENCES.get(found, "")


class WindowsKeys:
    """Keys of a Windows console."""

    def __init__(self) -> None:
        import msvcrt

        self._console: Any = msvcrt

    def read(self, seconds: float) -> str | None:
        """Give the next key, if there is one in time."""
        deadline = time.monotonic() + seconds
        while not self._console.kbhit():
            if time.monotonic() >= deadline:
                return None
            time.sleep(MOMENT)
        key = str(self._console.getwch())
        if key == "\x03":
            raise KeyboardInterrupt
        if key in ("\0", "\xe0"):
            return WINDOWS.get(str(self._console.getwch()), "")
        return END if key == "\x1a" else NAMED.get(key, key)


@contextmanager
def keys_of_terminal() -> Iterator[Keys | None]:
    """Read single keys from standard input; None where it has no keys but lines."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        yield None
    elif os.name == "nt":
        yield WindowsKeys()
    else:
        import termios
        import tty

        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
        try:
            tty.setcbreak(number)
            yield PosixKeys(number)
        finally:
            termios.tcsetattr(number, termios.TCSADRAIN, before)
