"""Figures as inline SVG that fit any width.

Horizontal positions are in per cent and vertical ones in pixels, so a figure stretches with the
page while its texts and dots keep their size. Colours are the page's own, so figures follow dark
mode and print. Matplotlib was rejected: its pictures scale their texts with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from luthier.declarations import JSON, NUMBER, SHARE, Unit
from luthier.report.formatting import number, plural, share, written

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Map a value to its position, in per cent of the width (or of any other length)."""

    low: float
    high: float

    @staticmethod
    def of(values: Iterable[float], *, least: float = -math.inf, most: float = math.inf) -> Scale:
        """Cover all values with a margin, but nothing beyond the possible `least` and `most`."""
        known = list(values) or [0.0, 1.0]
        low, high = min(known), max(known)
        air = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
        return Scale(max(low - air, min(least, low)), min(high + air, max(most, high)))

    def __call__(self, value: float, length: float = 100.0) -> float:
        """Give the position of a value."""
        return round((value - self.low) / ((self.high - self.low) or 1.0) * length, 2)

    def ticks(self, n: int = 5) -> list[float]:
        """Choose about n round values or fewer."""
        span = (self.high - self.low) or 1.0
        unit = 10.0 ** math.floor(math.log10(span / n))
        step = next(unit * factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= n)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(index * step, 10) for index in range(first, last + 1)]


def svg(height: float, parts: Iterable[str], *, label: str, kind: str = "plot") -> Markup:
    """Wrap drawn parts; `label` is read aloud in place of the picture."""
    return Markup(
        f'<svg class="{kind}" height="{height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def text(x: str, y: float, content: object, *, anchor: str = "middle", kind: str = "tick") -> str:
    """Write a text at `x` (a percentage or pixels), escaped."""
    return f'<text x="{x}" y="{y:g}" text-anchor="{anchor}" class="{kind}">{escape(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Draw a line."""
    return f'<line x1="{x1:g}%" y1="{y1:g}" x2="{x2:g}%" y2="{y2:g}" class="{kind}"/>'


def dot(x: float, y: float, radius: float, kind: str, title: str = "") -> str:
    """Draw a dot, with a title shown on hover."""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle cx="{x:g}%" cy="{y:g}" r="{radius:g}" class="{kind}">{inside}</circle>'


def box(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """Draw a bar."""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<rect x="{x:g}%" y="{y:g}" width="{width:g}%" height="{height:g}" class="{kind}">'
        f"{inside}</rect>"
    )


def path(points: Sequence[Point], height: float, kind: str) -> str:
    """Draw a line through points (per cent, pixels)."""
    through = " ".join(f"{x:g},{y:g}" for x, y in points)
    return (
        f'<svg viewBox="0 0 100 {height:g}" width="100%" height="{height:g}" '
        f'preserveAspectRatio="none"><polyline points="{through}" class="{kind}"/></svg>'
    )


def interval_bar(
    score: dict[str, JSON], scale: Scale, *, key: str = "value", reference: float | None = None
) -> Markup:
    """Draw a value with its interval on a line; `reference` is a value to compare with."""
    height, value = 30, score.get(key)
    low, high = score.get("low"), score.get("high")
    parts = [line(scale(tick), 0, scale(tick), height, "grid") for tick in scale.ticks()]
    if reference is not None:
        parts.append(line(scale(reference), 0, scale(reference), height, "reference"))
    if low is not None and high is not None:
        parts.append(line(scale(low), height / 2, scale(high), height / 2, "whisker"))
    if value is not None:
        parts.append(dot(scale(value), height / 2, 5, "mark"))
    said = f"{number(value)}, from {number(low)} to {number(high)}"
    return svg(height, parts, label=said, kind="track")


def axis(scale: Scale, unit: Unit) -> Markup:
    """Write the ticks below a column of interval bars."""
    parts = [text(f"{scale(tick)}%", 14, tick_text(tick, unit)) for tick in scale.ticks()]
    return svg(20, parts, label="axis", kind="track")


def tick_text(tick: float, unit: Unit) -> str:
    """Write a tick in its unit."""
    return f"{tick * unit.factor:,g} {unit.symbol}".rstrip()


@dataclass(frozen=True)
class Series:
    """Points to draw as a line (`faint`, `strong`) or as a line with dots (`dotted`, `second`)."""

    name: str
    points: Sequence[Point]
    kind: str = "strong"


def chart(
    series: Sequence[Series],
    *,
    label: str,
    unit: Unit = NUMBER,
    marked: Point | None = None,
    height: float = 210,
    of: str = "step",
) -> Markup | None:
    """Draw values over training steps.

    Args:
        series: What to draw, the last on top.
        label: What is drawn.
        unit: Of the values.
        marked: A point to ring.
        height: In pixels.
        of: What the values are over.
    """
    points = [point for drawn in series for point in drawn.points]
    if not points:
        return None
    across = Scale(0, max(x for x, _ in points) or 1)
    down = Scale.of((y for _, y in points), least=0, most=unit.most)
    parts = grid(across, down, height, unit=unit)
    for drawn in series:
        placed = [(across(x), height - down(y, height)) for x, y in drawn.points]
        parts.append(path(placed, height, f"curve {drawn.kind}"))
        if drawn.kind in ("dotted", "second") and len(placed) <= 60:
            for (x, y), (step, value) in zip(placed, drawn.points, strict=True):
                said = f"{drawn.name} {written(value, unit)} at {of} {step:g}"
                parts.append(dot(x, y, 3.5, drawn.kind, said))
    if marked is not None:
        parts.append(dot(across(marked[0]), height - down(marked[1], height), 8, "ring"))
    return svg(height + 26, parts, label=label)


def grid(across: Scale, down: Scale, height: float, *, unit: Unit = NUMBER) -> list[str]:
    """Draw lines and ticks behind a chart."""
    parts = []
    for tick in down.ticks(4):
        y = height - down(tick, height)
        parts += [
            line(0, y, 100, y, "grid"),
            text("-8", y + 4, tick_text(tick, unit), anchor="end"),
        ]
    parts += [text(f"{across(tick)}%", height + 20, f"{tick:,g}") for tick in across.ticks(5)]
    return parts


def smooth(points: Sequence[Point], weight: float = 0.8) -> list[Point]:
    """Smooth values by an exponential moving average; `weight` is that of the past."""
    smoothed, mean, norm = [], 0.0, 0.0
    for x, y in points:
        mean = weight * mean + (1 - weight) * y
        norm = weight * norm + (1 - weight)
        smoothed.append((x, mean / norm))
    return smoothed


def reliability(bins: Sequence[dict[str, JSON]], *, label: str) -> Markup:
    """Draw accuracy over confidence, against the diagonal of perfect calibration."""
    height, unit = 240, Scale(0, 1)
    known = [one for one in bins if None not in one.values() and one["count"]]
    most = max((one["count"] for one in known), default=1)
    parts = [
        part
        for tick in (0, 0.25, 0.5, 0.75, 1)
        for part in (
            line(0, height * (1 - tick), 100, height * (1 - tick), "grid"),
            text("-8", height * (1 - tick) + 4, tick_text(tick, SHARE), anchor="end"),
            text(f"{tick * 100:g}%", height + 20, tick_text(tick, SHARE)),
        )
    ]
    for one in known:
        said = (
            f"{plural(one['count'], 'row')}: confidence {share(one['confidence'])}, "
            f"right {share(one['accuracy'])}"
        )
        tall = one["accuracy"] * height
        width = unit(one["high"]) - unit(one["low"])
        parts.append(box(unit(one["low"]), height - tall, width, tall, "bin", said))
    parts.append(line(0, height, 100, 0, "diagonal"))
    parts += [
        dot(
            unit(one["confidence"]),
            height - one["accuracy"] * height,
            round(2.5 + 6 * math.sqrt(one["count"] / most), 1),
            "mark",
        )
        for one in known
    ]
    return svg(height + 26, parts, label=label)


def scatter(pairs: Sequence[Sequence[float]]) -> Markup:
    """Draw predicted over true numbers, against the diagonal of perfect predictions."""
    height = 320
    both = Scale.of(value for pair in pairs for value in pair)
    parts = grid(both, both, height)
    parts.append(line(0, height, 100, 0, "diagonal"))
    parts += [dot(both(gold), height - both(said, height), 2.6, "speck") for gold, said in pairs]
    return svg(height + 26, parts, label=f"Predicted over true numbers of {len(pairs)} rows")


def histogram(
    edges: Sequence[float], counts: Sequence[int], *, label: str, height: float = 150
) -> Markup:
    """Draw how many rows lie between each two edges."""
    across, down = Scale(edges[0], edges[-1]), Scale(0, max(counts, default=1) or 1)
    parts = grid(across, down, height)
    for low, high, n_rows in zip(edges[:-1], edges[1:], counts, strict=True):
        tall = down(n_rows, height)
        said = f"{number(low)} to {number(high)}: {plural(int(n_rows), 'row')}"
        width = across(high) - across(low)
        parts.append(box(across(low), height - tall, width, tall, "bin solid", said))
    return svg(height + 26, parts, label=label)


def spread(values: Sequence[float], n_bins: int = 25) -> tuple[list[float], list[int]]:
    """Count values in bins of equal width, symmetric around zero."""
    reach = max((abs(value) for value in values), default=1.0) or 1.0
    width = 2 * reach / n_bins
    counts = [0] * n_bins
    for value in values:
        counts[min(int((value + reach) / width), n_bins - 1)] += 1
    return [round(-reach + index * width, 6) for index in range(n_bins + 1)], counts
