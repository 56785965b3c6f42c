"""Small figures of measurements, as SVG: rounds as dots with their median, and curves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, ROW, LEFT, RIGHT, TOP, FOOT = 720, 30, 190, 80, 44, 46
COLOURS = ("#0b5fa5", "#b4480f", "#2e7d32", "#6a3d9a", "#555")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 4")


@dataclass(frozen=True)
class Panel:
    """One quantity of several arms.

    Args:
        axis: The quantity with its unit. `values`: arm to its value in every round.
    """

    axis: str
    values: Mapping[str, Sequence[float]]


def draw_rounds(title: str, panels: Sequence[Panel], path: Path) -> None:
    """Draw panels below each other; a dot is a round, a line the median, which is written beside.

    Args:
        title: Above all.
        panels: Quantities.
        path: Where the SVG is written.
    """
    n_rounds = max(len(one) for panel in panels for one in panel.values.values())
    heights = [ROW * len(panel.values) + FOOT for panel in panels]
    rounds = f"{n_rounds} round{'s' * (n_rounds > 1)}"
    height = TOP + sum(heights) + 16
    parts = _begin(f"{title}; {rounds}", height)
    top = TOP
    for panel, taken in zip(panels, heights, strict=True):
        parts += _panel(panel, top)
        top += taken
    note = f"n = {rounds}; a dot is a round, the bar their median, written at the right"
    parts.append(f'<text x="{LEFT}" y="{height - 8}" fill="#555">{note}</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _panel(panel: Panel, top: float) -> list[str]:
    room = WIDTH - LEFT - RIGHT
    largest = max(max(one) for one in panel.values.values())
    marks = ticks(largest)
    scale = room / max(largest, marks[-1])
    bottom = top + ROW * len(panel.values) + 4
    parts = []
    for mark in marks:
        x = LEFT + scale * mark
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#e4e4e4"/>',
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#555">'
            f"{mark:,g}</text>",
        ]
    for number, (arm, values) in enumerate(panel.values.items()):
        y = top + ROW * number + ROW / 2
        middle = statistics.median(values)
        x, colour = LEFT + scale * middle, COLOURS[number % len(COLOURS)]
        parts += [
            f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(arm)}</text>',
            f'<line x1="{LEFT}" x2="{x:.1f}" y1="{y}" y2="{y}" stroke="{colour}" '
            'stroke-width="2" opacity=".35"/>',
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 10}" y2="{y + 10}" stroke="{colour}" '
            'stroke-width="3"/>',
            f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4}">{short(middle)}</text>',
        ]
        parts += [
            f'<circle cx="{LEFT + scale * one:.1f}" cy="{y}" r="4" fill="{colour}" opacity=".45"/>'
            for one in values
        ]
    middle_of = LEFT + room / 2
    parts += [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}" stroke="#999"/>',
        f'<text x="{middle_of}" y="{bottom + 29}" text-anchor="middle">{escape(panel.axis)}</text>',
    ]
    return parts


@dataclass(frozen=True)
class Curve:
    """One quantity against another, for several arms.

    Args:
        across: What lies below, with its unit. `up`: What stands at the left.
        points: arm to its (across, values of the rounds).
    """

    across: str
    up: str
    points: Mapping[str, Sequence[tuple[float, Sequence[float]]]]


def draw_curves(title: str, curves: Sequence[Curve], path: Path) -> None:
    """Draw curves below each other, both axes by logarithm; a line joins medians of rounds."""
    tall, n_arms = 230, max(len(curve.points) for curve in curves)
    step = tall + FOOT + 20
    height = TOP + 20 * n_arms + step * len(curves) + 16
    n_rounds = max(len(v) for c in curves for one in c.points.values() for _, v in one)
    rounds = f"{n_rounds} round{'s' * (n_rounds > 1)}"
    parts = _begin(f"{title}; {rounds}", height)
    for number, arm in enumerate(curves[0].points):
        y = TOP + 20 * number
        parts += [
            f'<line x1="90" x2="130" y1="{y}" y2="{y}" stroke="{COLOURS[number]}" '
            f'stroke-width="2.5" stroke-dasharray="{DASHES[number]}"/>',
            f'<text x="140" y="{y + 4}">{escape(arm)}</text>',
        ]
    top = TOP + 20 * n_arms + 4
    for curve in curves:
        parts += _curve(curve, top, tall)
        top += step
    note = f"n = {rounds}; a dot is a round, the line joins medians; both axes logarithmic"
    parts.append(f'<text x="90" y="{height - 8}" fill="#555">{note}</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _curve(curve: Curve, top: float, tall: float) -> list[str]:
    left, right = 90, WIDTH - 40
    across = sorted({x for one in curve.points.values() for x, _ in one})
    heights = [v for one in curve.points.values() for _, values in one for v in values]
    marks = decades(min(heights), max(heights))
    low, high = math.log(min(marks[0], *heights)), math.log(max(marks[-1], *heights))
    start, end = math.log(across[0]), math.log(across[-1])

    def at(x: float) -> float:
        return left + 20 + (right - left - 40) * (math.log(x) - start) / ((end - start) or 1)

    def up(y: float) -> float:
        return top + tall - 10 - (tall - 20) * (math.log(y) - low) / ((high - low) or 1)

    bottom, parts = top + tall, []
    for mark in marks:
        parts += [
            f'<line x1="{left}" x2="{right}" y1="{up(mark):.1f}" y2="{up(mark):.1f}" '
            'stroke="#e4e4e4"/>',
            f'<text x="{left - 6}" y="{up(mark) + 4:.1f}" text-anchor="end" fill="#555">'
            f"{mark:,g}</text>",
        ]
    parts += [
        f'<text x="{at(x):.1f}" y="{bottom + 15}" text-anchor="middle" fill="#555">{x:,g}</text>'
        for x in across
    ]
    for number, points in enumerate(curve.points.values()):
        colour = COLOURS[number]
        line = " ".join(f"{at(x):.1f},{up(statistics.median(v)):.1f}" for x, v in points)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5" '
            f'stroke-dasharray="{DASHES[number]}"/>'
        )
        parts += [
            f'<circle cx="{at(x):.1f}" cy="{up(v):.1f}" r="3.5" fill="{colour}" opacity=".5"/>'
            for x, values in points
            for v in values
        ]
    middle = top + tall / 2
    parts += [
        f'<line x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#999"/>',
        f'<line x1="{left}" x2="{left}" y1="{top}" y2="{bottom}" stroke="#999"/>',
        f'<text x="{(left + right) / 2}" y="{bottom + 32}" text-anchor="middle">'
        f"{escape(curve.across)}</text>",
        f'<text x="22" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 22 {middle})">{escape(curve.up)}</text>',
    ]
    return parts


def _begin(title: str, height: float) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="16" y="22" font-weight="bold">{escape(title)}</text>',
    ]


def ticks(largest: float) -> list[float]:
    """Choose round numbers from 0 on, three to six, the last at least the largest value.

    >>> ticks(0.9), ticks(1234)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 500.0, 1000.0, 1500.0])
    """
    if largest <= 0:
        return [0.0, 1.0]
    unit = 10.0 ** math.floor(math.log10(largest))
    step = next(unit * part for part in (0.2, 0.5, 1, 2, 5) if largest / (unit * part) <= 5)
    n_marks = math.ceil(largest / step - 1e-9)
    return [round(step * number, 12) for number in range(n_marks + 1)]


def decades(low: float, high: float) -> list[float]:
    """Choose 1, 2, 5, 10 … around two numbers."""
    exponents = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    marks = [round(part * 10.0**exponent, 12) for exponent in exponents for part in (1, 2, 5)]
    below = [mark for mark in marks if mark <= low][-1]
    above = next((mark for mark in marks if mark >= high), marks[-1])
    return [mark for mark in marks if below <= mark <= above]


def short(value: float) -> str:
    """Write a number with three digits or more.

    >>> short(0.01234), short(12.345), short(12345.6)
    ('0.0123', '12.3', '12,346')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
