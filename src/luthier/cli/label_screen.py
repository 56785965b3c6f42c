"""Draws the desk: how far it is, the text, the labels, and what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from luthier.cli.label_typing import Entry
from luthier.cli.progress import clock
from luthier.cli.visible import visible
from luthier.errors import DataError
from luthier.labelling.answers import Entities, SeveralLabels
from luthier.metrics.names import title

if TYPE_CHECKING:
    from rich.console import Console

    from luthier.labelling.desk import Desk
    from luthier.labelling.questions import Question
    from luthier.results import Score

FEWEST_LINES = 4  # of a text, however many labels there are
HELP = {
    "one": "Type the number of the label. / looks for a name: type a part of it, then Enter.",
    "several": "Numbers switch labels on and off, / looks for a name; Enter is the answer, "
    "and with none chosen it says that none fits.",
    "entities": "Type the numbers of the words and of the type: 2-4 1 marks words 2 to 4, 7 2 the "
    "word 7; commas between several. Enter is the answer, and alone it says that there are none.",
}
EVERYWHERE = (
    "u takes the last answer back and asks again. s skips a row for good. q quits: every answer is "
    "on the disk already, and the same command goes on. Arrows move a long text."
)


def screen(
    desk: Desk, question: Question, entry: Entry, news: Sequence[str], console: Console
) -> list[Text]:
    """Draw a question as lines that fit a terminal."""
    width, height = max(20, console.width - 1), console.height
    above = wrapped(heading(desk, question), width, console, style="dim")
    if desk.latest is not None and desk.latest.scores:
        above += wrapped(Text(score_line(desk)), width, console, style="dim")
    above += [line for one in news for line in wrapped(Text(visible(one)), width, console)]
    labels = label_table(entry, width)
    typed = wrapped(entry_line(entry), width, console)
    keys = wrapped(Text(footer(entry)), width, console, style="dim")
    text = body(question, entry, width, console)
    room = height - len(above) - len(typed) - len(keys) - 4
    n_labels = min(len(labels), max(1, room - min(len(text), FEWEST_LINES)))
    if n_labels < len(labels):
        labels = [*labels[: max(0, n_labels - 1)], Text("… more; / looks for a name", "dim")]
    text = scrolled(text, max(FEWEST_LINES, room - len(labels)), entry)
    return [*above, Text(), *text, Text(), *labels, Text(), *typed, *keys]


def wrapped(text: Text, width: int, console: Console, *, style: str = "") -> list[Text]:
    """Wrap text at words, and inside of those that are too long."""
    if style:
        text.stylize(style)
    return list(text.wrap(console, width, tab_size=4)) or [Text()]


def heading(desk: Desk, question: Question) -> Text:
    """Say how far the desk is."""
    done = desk.answered.standing
    parts = [f"round {question.round}", f"{len(done):,} answered", f"{desk.n_left:,} left"]
    if desk.answered.skipped:
        parts.insert(2, f"{len(desk.answered.skipped):,} skipped")
    return Text(" · ".join(parts))


def score_line(desk: Desk) -> str:
    """Say how good the last model is on audit rows, beside a baseline that reads nothing."""
    reply = desk.latest
    if reply is None or not reply.n_trained:
        return "No model yet: it takes answers of two kinds."
    learned = f"Model of {reply.n_trained:,} rows"
    if not reply.scores:
        return f"{learned}, trained before an audit row was answered: no score yet."
    model, baseline = reply.scores["model"], reply.scores["baseline"]
    return (
        f"{learned}: {title(reply.metric).lower()} {_score(model)} on {model.n:,} audit "
        f"row{'' if model.n == 1 else 's'}; without reading: {_score(baseline)}."
    )


def _score(score: Score) -> str:
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]"


def waiting(desk: Desk, seconds: float) -> str:
    """Say what the desk waits for, how far that is, and how long it will take."""
    what, done, total = desk.chooser.doing
    if not total:
        return f"{what} …"
    left = f", {clock(seconds / done * (total - done))} left" if done and seconds > 1 else ""
    return f"{what}: {done / total:.0%}{left}"


def body(question: Question, entry: Entry, width: int, console: Console) -> list[Text]:
    """Draw the texts of a question, and what the model suggests."""
    lines: list[Text] = []
    for role, text in question.texts.items():
        if len(question.texts) > 1:
            lines.append(Text(f"{role}:", "dim"))
        shown = Text(visible(text), "bold")
        if isinstance(entry.answers, Entities) and role == "text":
            shown = marked(visible(text), question, entry)
        lines += wrapped(shown, width, console)
    if question.probability is not None:
        said = f"Model: {suggestion(question, entry)} ({question.probability:.2f})"
        lines += [Text(), *wrapped(Text(visible(said), "italic"), width, console)]
    return lines


def suggestion(question: Question, entry: Entry) -> str:
    """Write what the model would answer."""
    if isinstance(entry.answers, Entities):
        text = question.texts["text"]
        found = [f"{text[a['start'] : a['end']]} ({a['label']})" for a in question.suggested]
        return ", ".join(found) or "none"
    return entry.answers.shown(question.suggested)


def marked(text: str, question: Question, entry: Entry) -> Text:
    """Number the words of a text, and mark what is typed as entities so far."""
    try:
        spans = entry.answers.parse(entry.text, question.words) if entry.text else []
    except DataError:
        spans = []
    shown, at = Text(), 0
    for number, (first, past) in enumerate(question.words, start=1):
        name = next((kind for a, b, kind in spans if a <= first < b), None)
        shown.append(text[at:first])
        shown.append(f"[{number}]", "dim")
        shown.append(text[first:past], "bold reverse" if name else "bold")
        ends = next((kind for a, b, kind in spans if b == past), None)
        if ends:
            shown.append(f"({visible(ends)})", "bold")
        at = past
    shown.append(text[at:])
    return shown


def label_table(entry: Entry, width: int) -> list[Text]:
    """Draw the labels with their numbers, in as many columns as fit."""
    of_key = dict(zip(entry.answers.names, entry.answers.keys, strict=True))
    is_several = isinstance(entry.answers, SeveralLabels)
    cells = []
    for name in entry.matches:
        mark = ("[x] " if name in entry.chosen else "[ ] ") if is_several else ""
        cells.append(f"{of_key[name]} {mark}{visible(' '.join(name.split()))}")
    if not cells:
        return [Text("no label has that in its name", "dim")]
    widest = min(width, max(cell_len(cell) for cell in cells))
    n_columns = max(1, (width + 2) // (widest + 2))
    n_lines = -(-len(cells) // n_columns)
    lines = []
    for line in range(n_lines):
        row = [set_cell_size(_cropped(cell, widest), widest) for cell in cells[line::n_lines]]
        lines.append(Text("  ".join(row).rstrip()))
    return lines


def _cropped(cell: str, width: int) -> str:
    return cell if cell_len(cell) <= width else f"{set_cell_size(cell, width - 1)}…"


def entry_line(entry: Entry) -> Text:
    """Show what was typed, or what is wrong with it."""
    if entry.problem:
        return Text(visible(entry.problem), "yellow")
    return Text(f"> {visible(entry.text)}")


def footer(entry: Entry) -> str:
    """Name the keys."""
    if isinstance(entry.answers, Entities):
        first = "2-4 1 Enter: words 2 to 4 are of type 1"
    elif isinstance(entry.answers, SeveralLabels):
        first = "numbers switch, Enter answers"
    else:
        keys = entry.answers.keys
        first = f"{keys[0]}-{keys[-1]} answers"
    return f"{first} · u undo · s skip · ? help · q quit"


def scrolled(lines: list[Text], room: int, entry: Entry) -> list[Text]:
    """Cut a text to the lines that fit, from where it was moved to."""
    if len(lines) <= room:
        entry.scroll = 0
        return lines
    entry.scroll = min(entry.scroll, len(lines) - room + 1)
    shown = lines[entry.scroll : entry.scroll + room - 1]
    below = len(lines) - entry.scroll - len(shown)
    arrows = "↓" if not entry.scroll else "↑" if not below else "↑↓"
    return [*shown, Text(f"{arrows} {len(lines)} lines, {below} below", "dim")]


def help_text(entry: Entry) -> str:
    """Explain the keys."""
    kinds: Mapping[str, str] = HELP
    kind = {Entities: "entities", SeveralLabels: "several"}.get(type(entry.answers), "one")
    return f"{kinds[kind]} {EVERYWHERE}"
