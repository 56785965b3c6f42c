"""Shows explanations in a terminal: words shaded by what they added, and the strongest in numbers.

Shades are an addition: what they say stands in numbers below the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from luthier.cli.show_training_rows import influential_lines, nearest_lines
from luthier.cli.tables import console
from luthier.cli.visible import visible
from luthier.report.explanations import STRONG, digits_of, signed

if TYPE_CHECKING:
    from luthier.explaining.explain import Explanations
    from luthier.explanation import Explanation

STRONGEST = 5  # words for, and words against, that are listed
FOR, AGAINST = (43, 91, 199), (194, 77, 16)  # blue and orange, as on the page
TEXTS = 2  # decisions of a row that are shown with its text; those after it without
LEAST_LISTED = 0.02  # share of the strongest word from which a word is listed
LEAST_SHADE = 0.15  # share of the strongest word from which a word is shaded
INDENT = "  "


def show_explanations(rows: Sequence[Explanations]) -> None:
    """Print explained rows, one after another."""
    out = console()
    for number, row in enumerate(rows):
        if number:
            out.print()
        if not row:
            out.print("nothing to explain: the model found nothing here, or read no word")
        for text in {one.row: one for one in row}.values():
            out.print(heading(text))
        for number, one in enumerate(row):
            for line in lines_of(one, with_text=number < TEXTS):
                out.print(line, soft_wrap=True)


def heading(one: Explanation) -> Text:
    """Say which row it is."""
    return Text(visible(one.row), style="dim")


def lines_of(one: Explanation, *, with_text: bool = True) -> Iterable[Text]:
    """Write one decision: what was decided, its text, the strongest words, and the sum."""
    yield decided(one)
    for role in dict.fromkeys(one.words.roles if with_text else ()):
        yield Text(INDENT).append(shaded(one, role))
    ranked = one.ranked()
    least = LEAST_LISTED * max((abs(value) for _, value in ranked), default=0.0)
    digits = digits_of([value for _, value in ranked])
    for name, sign in (("for", 1), ("against", -1)):
        strongest = [(word, value) for word, value in ranked if value * sign > least][:STRONGEST]
        if strongest:
            words = ", ".join(f"{word} {signed(value, digits)}" for word, value in strongest)
            yield Text(f"{INDENT}{name:<8} ", "dim").append(visible(words), "not dim")
    yield Text(INDENT + visible(summed(one)), "dim")
    for note in one.notes:
        yield Text(visible(f"{INDENT}note: {note}"), "dim")
    yield from nearest_lines(one.neighbours, INDENT)
    yield from influential_lines(one.influential, INDENT)


def decided(one: Explanation) -> Text:
    """Write what was decided, how probable it was, and what the row should have been."""
    made = Text(visible(str(one.decision.name)), "bold")
    if one.decision.is_number:
        made.append(f"  {one.attribution.score:.4g}", "not bold")
    elif one.probability is not None:
        made.append(f"  {100 * one.probability:.1f} %", "not bold")
    is_told = one.decision.is_number or one.predicted == one.decision.name
    is_part = one.decision.role is not None and isinstance(one.predicted, list)  # of all tags
    if one.predicted is not None and not (is_told or is_part):
        made.append(visible(f"  (predicted: {written(one.predicted)})"), "not bold")
    if one.gold is not None and not is_part:
        right = "right" if one.gold == one.predicted else f"gold: {written(one.gold)}"
        made.append(visible(f"  ({right})"), "not bold")
    return made


def written(answer: object) -> str:
    """Write an answer in a line."""
    if isinstance(answer, float):
        return f"{answer:.4g}"
    made = ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    return made if len(made) <= 60 else made[:59] + "…"


def summed(one: Explanation) -> str:
    """Write what the words add up to, and how exactly."""
    found, unit = one.attribution, "" if one.decision.is_number else "log-odds "
    total = float(found.values.sum())
    if found.reference is None:
        why = f"by {one.by} (words become {one.replaced_by}), whose values need not add up"
        return f"{unit}{found.score:.2f}; {why}"
    error = "" if found.error is None else f"; error {100 * found.error:.2g} %"
    return (
        f"{unit}{found.score:.2f} = {found.reference:.2f} where every word is {one.replaced_by} "
        f"{'+' if total >= 0 else '−'} {abs(total):.{digits_of([total])}f} of the words{error}; "
        f"by {one.by}"
    )


def shaded(one: Explanation, role: str) -> Text:
    """Shade the words of a column: blue speaks for the decision, orange against it."""
    text, values = one.texts[role], one.attribution.values
    least = 0.0 if one.decision.is_number else STRONG
    most = float(np.abs(values).max(initial=least)) or 1.0
    made, done = Text(), 0
    for word, (of_role, (first, past)) in enumerate(
        zip(one.words.roles, one.words.spans.tolist(), strict=True)
    ):
        if of_role != role or first < done:
            continue
        made.append(flat(text[done:first]))
        made.append(flat(text[first:past]), style_of(float(values[word]) / most))
        done = past
    return made.append(flat(text[done:]))


def flat(text: str) -> str:
    """Write a text without line ends."""
    return visible(text.replace("\r", " ").replace("\n", " ").replace("\t", " "))


def style_of(share: float) -> str:
    """Choose the style of a word that adds a share of what the strongest one adds."""
    if abs(share) < LEAST_SHADE:
        return ""
    red, green, blue = FOR if share > 0 else AGAINST
    strength = 0.25 + 0.75 * abs(share)
    mixed = (round(one * strength + 30 * (1 - strength)) for one in (red, green, blue))
    return f"white on rgb({','.join(map(str, mixed))})" + (" underline" if share < 0 else "")
