"""What is typed at the desk, key by key or as a line, and what it means.

one label         its number answers at once; / looks for a name
several labels    numbers switch labels on and off; Enter is the answer
entities          2-4 1, 7 2 and Enter
u s q ?           undo, skip, quit, help
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from luthier.cli.keys import BACKSPACE, DOWN, END, ENTER, ESCAPE, UP
from luthier.errors import DataError
from luthier.labelling.answers import Answers, Entities, SeveralLabels
from luthier.text.words import Border

UNDO, SKIP, QUIT, HELP = "undo", "skip", "quit", "help"
COMMANDS = {"u": UNDO, "s": SKIP, "q": QUIT, "?": HELP}
SEARCH = "/"


@dataclass(frozen=True)
class Typed:
    """Something complete: a command, or an answer."""

    command: str = ""
    answer: Any = None


@dataclass
class Entry:
    """What has been typed for one row so far.

    Args:
        answers: What an answer is.
        words: The words of the row, where these are marked.
    """

    answers: Answers
    words: Sequence[Border] = ()
    text: str = ""
    chosen: list[str] = field(default_factory=list)  # of several labels
    problem: str = ""
    scroll: int = 0

    @property
    def matches(self) -> list[str]:
        """The labels that are looked for: those with what was typed after the slash."""
        wanted = self.text[1:].casefold().split() if self.text.startswith(SEARCH) else []
        return [
            name for name in self.answers.names if all(part in name.casefold() for part in wanted)
        ]

    def press(self, key: str) -> Typed | None:
        """Take a key; give what it completes, if anything.

        Args:
            key: A character, or a name of `keys.py`.
        """
        self.problem = ""
        if key == END:
            return Typed(QUIT)
        if not self.text and key in COMMANDS:
            return Typed(COMMANDS[key])
        if key in (UP, DOWN):
            self.scroll = max(0, self.scroll + (1 if key == DOWN else -1))
        elif key == ESCAPE:
            self.text = ""
        elif key == BACKSPACE:
            self.text = self.text[:-1]
        elif key == ENTER:
            return self._enter()
        elif len(key) == 1 and key.isprintable():
            self.text += key
            return self._complete()
        return None

    def _complete(self) -> Typed | None:
        """Say what is complete without Enter: a number that no longer one begins with."""
        if isinstance(self.answers, Entities) or self.text.startswith(SEARCH):
            return None
        longer = [key for key in self.answers.keys if key.startswith(self.text)]
        if longer == [self.text]:
            return self._take(self.answers.find(self.text))
        if not longer:
            self.problem = f"'{self.text}' begins no number here; / looks for a name, ? helps"
            self.text = ""
        return None

    def _enter(self) -> Typed | None:
        try:
            if isinstance(self.answers, Entities):
                return Typed(answer=self.answers.parse(self.text, self.words))
            if self.text:
                return self._take(self._found())
            if isinstance(self.answers, SeveralLabels):
                return Typed(answer=list(self.chosen))
        except DataError as problem:
            self.problem = told(problem)
        return None

    def _found(self) -> str:
        """Find the label that is looked for, or whose number was typed in part."""
        if not self.text.startswith(SEARCH):
            return self.answers.find(self.text)
        if len(self.matches) == 1:
            return self.matches[0]
        return self.answers.find(self.text[1:])

    def _take(self, name: str) -> Typed | None:
        self.text = ""
        if not isinstance(self.answers, SeveralLabels):
            return Typed(answer=name)
        self.chosen = [*(set(self.chosen) ^ {name})]
        return None

    def line(self, line: str) -> Typed | None:
        """Take a whole line: a command or an answer."""
        self.problem, self.text = "", line.strip()
        if self.text in COMMANDS:
            return Typed(COMMANDS[self.text])
        try:
            if self.text.startswith(SEARCH):
                self.text = self._found()
            return Typed(answer=self.answers.parse(self.text, self.words))
        except DataError as problem:
            self.problem = told(problem)
            return None


def told(problem: DataError) -> str:
    """Write a problem in one line."""
    parts = [problem.problem, problem.received or "", f"→ {problem.hint}" if problem.hint else ""]
    return " ".join(part for part in parts if part)
