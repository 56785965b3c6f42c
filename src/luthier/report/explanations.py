"""Draws explanations: each word shaded by what it added, with the numbers in a table.

    Explanation.to_json ─► views ─► templates/explained.html ─► a page, a panel, a notebook's cell

Words are found by their places in the text, never by how they are written. A word that speaks for
a decision is blue with a solid line below it, one that speaks against it orange with a dashed one,
so that neither colours nor a printer in black decide what is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import chain

from luthier import __version__
from luthier.declarations import JSON
from luthier.report.facts import Facts
from luthier.report.formatting import base_name, number, writable
from luthier.report.panels import pages

STRONG = 0.25  # log-odds of a word from which it is shaded as strongly as can be
LEAST_SHADE = 0.1  # share of the strongest word below which a word is not shaded
MOST_ROWS = 1000  # on a page; JSON has all
MATRIX_FROM = 3  # decisions of a row from which they are also shown side by side
OPEN = 2  # decisions of a row that are shown at first; of those side by side, one
TARGETS = {"predicted": "what the model answered", "gold": "the gold answers"}
LONGEST = 80  # characters of an answer in a heading
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # signs that reorder a text


def draw(explanations: Sequence[JSON]) -> str:
    """Draw the explanations of a row as HTML that stands alone, for notebooks.

    Args:
        explanations: As `Explanation.to_json` gives them.
    """
    template = pages(autoescape=True).get_template("explained_cell.html")
    return writable(template.render(rows=[row_view(explanations)]))


def page(
    rows: Sequence[Sequence[JSON]], *, title: str, target: str, notes: Sequence[str] = ()
) -> str:
    """Lay explained rows out as a page that is one file, loads nothing and runs nothing.

    Args:
        rows: The explanations of each row, as `Explanation.to_json` gives them.
        title: Name of the run.
        target: What is explained: `predicted`, `gold`, or a label.
        notes: What a reader should know of all of them.
    """
    shown = rows[:MOST_ROWS]
    left = len(rows) - len(shown)
    more = [f"{left:,} more rows are not on this page; --json has them all."] if left else []
    first = next(chain.from_iterable(shown), None)
    template = pages(autoescape=True).get_template("explained_page.html")
    html = template.render(
        rows=[row_view(one) for one in shown],
        title=legible(title),
        by=first and first["by"],
        target=TARGETS.get(target, f"the label {legible(target)}"),
        notes=[legible(note) for note in (*notes, *more)],
        version=__version__,
    )
    return writable(html)


def why(data: JSON, facts: Facts) -> dict[str, JSON] | None:
    """Prepare the explained test rows of a run for its report."""
    rows = (data or {}).get("rows") or []
    if not rows:
        return None
    views = [row_view(one["explained"]) | {"why": one.get("why") or ""} for one in rows]
    return {"rows": views, "said": data.get("said") or "", "by": rows[0]["explained"][0]["by"]}


def row_view(explanations: Sequence[JSON]) -> dict[str, JSON]:
    """Prepare the explained decisions of one row for the template."""
    if not explanations:
        return {"is_empty": True}
    first = explanations[0]
    decisions = [decision_view(one) for one in explanations]
    n_open = 1 if len(decisions) >= MATRIX_FROM else OPEN
    gold, predicted = first["gold"], short(first["predicted"])
    is_shown = first["span"] is None and (predicted != decisions[0]["name"] or len(decisions) > 1)
    is_one_of = isinstance(gold, list) and first["predicted"] in gold  # answers that are as good
    return {
        "is_empty": False,
        "where": legible(base_name(str(first["row"] or ""))),
        "predicted": predicted if is_shown else "",
        "gold": short(gold),
        "is_right": gold == first["predicted"] or is_one_of,
        "decisions": decisions[:n_open],
        "more": decisions[n_open:],
        "matrix": matrix(explanations) if len(decisions) >= MATRIX_FROM else None,
        "neighbours": training_rows(first.get("neighbours") or ()),
    }


def decision_view(one: JSON) -> dict[str, JSON]:
    """Prepare one explained decision for the template."""
    words, texts = one["words"], one["texts"]
    values = [float(word["value"]) for word in words]
    most = full_shade(one)
    digits = digits_of(values)
    speaking_for = sum(value for value in values if value > 0)
    against = sum(value for value in values if value < 0)
    both = (speaking_for - against) or 1.0
    roles = [role for role in texts if any(word["role"] == role for word in words)]
    probability = one.get("probability")
    return {
        "name": legible(str(one["explained"])),
        "amount": number(one["score"]) if one["is_number"] else sure(probability),
        "texts": [
            {"role": role if len(texts) > 1 else "", "parts": parts_of(one, role, most)}
            for role in roles or texts
        ],
        "for": signed(speaking_for, digits),
        "against": signed(against, digits),
        "for_share": round(100 * speaking_for / both, 2),
        "sum": summed(one, sum(values)),
        "words": [
            word_view(word, most, digits)
            for word in sorted(words, key=lambda word: -abs(word["value"]))
        ],
        "notes": [legible(str(note)) for note in one.get("notes") or ()],
        "influential": training_rows(one.get("influential") or ()),
    }


def word_view(word: JSON, most: float, digits: int) -> dict[str, JSON]:
    """Prepare a line of the table of words."""
    value = float(word["value"])
    return {
        "word": legible(word["word"]),
        "role": word["role"],
        "place": f"{word['start']:,}–{word['end']:,}",
        "value": signed(value, digits),
        "sign": sign_of(value, most),
        "share": f"{100 * abs(value) / most:.1f}" if most else "0",
    }


def parts_of(one: JSON, role: str, most: float) -> list[dict[str, JSON]]:
    """Cut a text at its words; those between words are not shaded."""
    text, done = str(one["texts"][role]), 0
    parts: list[dict[str, JSON]] = []
    own = one.get("span") or ["", 0, 0]
    words = [word for word in one["words"] if word["role"] == role]
    digits = digits_of([float(word["value"]) for word in one["words"]])
    for word in sorted(words, key=lambda word: word["start"]):
        first, past, value = word["start"], word["end"], float(word["value"])
        if first < done:  # a word inside another one; the table has it
            continue
        parts.append({"text": legible(text[done:first]), "sign": ""})
        parts.append(
            {
                "text": legible(text[first:past]),
                "sign": sign_of(value, most) or "none",
                "strength": round(abs(value) / most, 3) if most else 0,
                "value": signed(value, digits),
                "is_own": own[0] == role and first < own[2] and past > own[1],
            }
        )
        done = past
    parts.append({"text": legible(text[done:]), "sign": ""})
    return [part for part in parts if part["text"]]


def matrix(explanations: Sequence[JSON]) -> dict[str, JSON]:
    """Put the decisions of a row below one another, with the words of all as columns."""
    places = {(word["role"], word["start"]) for one in explanations for word in one["words"]}
    roles = {role: number for number, role in enumerate(explanations[0]["texts"])}
    columns = sorted(places, key=lambda place: (roles.get(place[0], len(roles)), place[1]))
    names = {
        (word["role"], word["start"]): word["word"] for one in explanations for word in one["words"]
    }
    lines = []
    for one in explanations:
        values = {(word["role"], word["start"]): float(word["value"]) for word in one["words"]}
        most = full_shade(one)
        cells = [_cell(values.get(place), most) for place in columns]
        lines.append({"name": legible(short(one["explained"])), "cells": cells})
    return {"columns": [legible(short(names[place])) for place in columns], "lines": lines}


def _cell(value: float | None, most: float) -> dict[str, JSON]:
    if value is None:
        return {"sign": "absent", "strength": 0, "value": ""}
    strength = round(abs(value) / most, 3) if most else 0
    return {"sign": sign_of(value, most), "strength": strength, "value": signed(value)}


def training_rows(rows: Sequence[JSON]) -> dict[str, JSON] | None:
    """Lay out rows that were learned from as a table of what is known of each."""
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_written(name, row.get(name)) for name in names] for row in rows]
    return {"names": [legible(name.replace("_", " ")) for name in names], "lines": lines}


def _written(name: str, value: JSON) -> str:
    """Write a cell of what is known of a row that was learned from."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if value is None:
        return ""
    if isinstance(value, dict):
        return legible(" · ".join(map(str, value.values())))
    written = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return legible(base_name(written) if name == "row" else written)


def full_shade(one: JSON) -> float:
    """Return the value of a word that is shaded as strongly as can be: that of the strongest.

    A word that adds less than `STRONG` to log-odds stays pale, whatever the others add.
    """
    most = max((abs(float(word["value"])) for word in one["words"]), default=0.0)
    return most if one["is_number"] else max(most, STRONG)


def digits_of(values: Sequence[float]) -> int:
    """Choose how many decimals tell values apart: two, or more where all of them are small.

    >>> digits_of([1.5, 0.2]), digits_of([0.021, 0.004])
    (2, 3)
    """
    most = max(map(abs, values), default=0.0)
    return 2 if most >= 0.1 or most == 0 else min(5, 1 - math.floor(math.log10(most)))


def sign_of(value: float, most: float) -> str:
    """Say whether a word speaks for a decision or against it; "" where it hardly matters."""
    if abs(value) < LEAST_SHADE * most or value == 0:
        return ""
    return "for" if value > 0 else "against"


def summed(one: JSON, total: float) -> str:
    """Write what the words add up to, how exactly, and what they were replaced by."""
    unit = "" if one["is_number"] else "Log-odds "
    score, reference, error = one["score"], one["reference"], one["error"]
    digits = digits_of([total])
    if reference is None:
        return f"{unit}{signed(score)}. The values of {one['by']} need not add up to it."
    sign = "+" if total >= 0 else "−"
    told = "" if error is None else f" (error {100 * error:.2f} %)"
    return (
        f"{unit}{signed(score)} = {signed(reference)} where every word is "
        f"{legible(one['replaced_by'])} {sign} {abs(total):.{digits}f} of the words{told}."
    )


def signed(value: float, digits: int = 2) -> str:
    """Write a value with its sign.

    >>> signed(0.512), signed(-2), signed(0.0123, 4), signed(0)
    ('+0.51', '−2.00', '+0.0123', '0.00')
    """
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{abs(value):.{digits}f}"


def sure(probability: float | None) -> str:
    """Write a probability; nothing where there is none."""
    return "" if probability is None else f"{100 * probability:.1f} %"


def short(answer: JSON) -> str:
    """Write an answer in a few words; nothing where it is too long for a heading.

    >>> short(["red", "green"]), short(1.25), short(None), short(["O"] * 90)
    ('red, green', '1.250', '', '')
    """
    if answer is None or isinstance(answer, dict):
        return ""
    if isinstance(answer, float):
        return number(answer)
    if isinstance(answer, list):
        written = ", ".join(map(str, answer)) or "none"
        return legible(written) if len(written) <= LONGEST else ""
    return legible(str(answer) if len(str(answer)) <= LONGEST else f"{str(answer)[:LONGEST]}…")


def legible(text: str) -> str:
    r"""Show signs that control or reorder a text as signs that can be read; keep line ends.

    >>> legible("a\x07b\u202ec\r\n")
    'a␇b�c\r\n'
    """
    return re.sub(f"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{TURNING}]", _shown, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "�"
