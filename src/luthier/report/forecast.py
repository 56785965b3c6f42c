"""The page of a forecast: the learning curve, its continuation with a band, and a table.

forecast.json ─► figure, rows ─► forecast.html
"""

from __future__ import annotations

import math
from pathlib import Path

from markupsafe import Markup

from luthier import __version__
from luthier.declarations import JSON
from luthier.metrics.names import metric_of, title
from luthier.report.figures import Scale, line, svg, text, tick_text
from luthier.report.formatting import amount, count, share
from luthier.report.panels import pages
from luthier.report.study import HEIGHT, mark, polyline, row_of, said_of, stretched
from luthier.runs.files import write_whole

KIND = "s0"  # class of the colour
APART = 7.0  # per cent of the width between the numbers of labels below the figure


def write_forecast(folder: Path, found: dict[str, JSON]) -> Path:
    """Write `forecast.html`.

    Args:
        folder: Of the study.
        found: As `forecast.json` has it.

    Returns:
        Path of the page.
    """
    page = pages(autoescape=True).get_template("forecast.html")
    html = page.render(
        found=found,
        metric_title=title(found["metric"]),
        n_rows=found["sizes"][-1],
        figure=continued(found),
        expected=[expected_row(one, found) for one in found["expected"]],
        rows=[row_of(one, found["metric"]) for one in found["lines"]],
        confidence=share(found["confidence"], digits=0),
        band=share(found["band"], digits=0),
        version=__version__,
    )
    return write_whole(folder / "forecast.html", [html])


def continued(found: dict[str, JSON]) -> Markup:
    """Draw the scores that were measured, the curve through them, and the band beyond."""
    metric, curve, n_rows = found["metric"], found["curve"], found["sizes"][-1]
    beyond = [one for one in curve if one["n_rows"] >= n_rows]
    ends = [one[end] for one in beyond for end in ("low", "high", "score")]
    ends += [one["score"][end] for one in found["lines"] for end in ("low", "high", "mean")]
    ends += [found["ceiling"]] if found["ceiling"] is not None else []
    unit = metric_of(metric).unit
    down = Scale.of([min(max(end, unit.least), unit.most) for end in ends])
    along = Scale.of([math.log2(found["sizes"][0]), math.log2(curve[-1]["n_rows"])])

    def x(size: float) -> float:
        return along(math.log2(size))

    def y(value: float) -> float:
        return round(HEIGHT - down(min(max(value, down.low), down.high), HEIGHT), 2)

    parts = []
    for tick in down.ticks(5):
        parts += [
            line(0, y(tick), 100, y(tick), "grid"),
            text("-8", y(tick) + 4, tick_text(tick, unit), anchor="end"),
        ]
    parts += [text(f"{x(size):g}%", HEIGHT + 20, count(size)) for size in _named_sizes(found, x)]
    parts.append(line(x(n_rows), 0, x(n_rows), HEIGHT, "reference"))
    parts.append(text(f"{x(n_rows):g}%", -6, "all there are"))
    if found["ceiling"] is not None:
        parts.append(line(0, y(found["ceiling"]), 100, y(found["ceiling"]), "reference"))
    around = [(x(one["n_rows"]), y(one["high"])) for one in beyond]
    around += [(x(one["n_rows"]), y(one["low"])) for one in reversed(beyond)]
    through = " ".join(f"{place:g},{height:g}" for place, height in around)
    parts.append(stretched(f'<polygon points="{through}" class="band {KIND}"/>'))
    parts.append(polyline([(x(one["n_rows"]), y(one["score"])) for one in curve], KIND))
    for one, size in zip(found["lines"], found["sizes"], strict=True):
        low, high = y(one["score"]["low"]), y(one["score"]["high"])
        parts.append(
            f'<line x1="{x(size):g}%" x2="{x(size):g}%" y1="{low:g}" y2="{high:g}" '
            f'class="series {KIND}"/>'
        )
        parts.append(mark(x(size), y(one["score"]["mean"]), KIND, said_of(one, metric)))
    label = f"{title(metric)} by labels: {' '.join(found['sentences'])}"
    return svg(HEIGHT + 26, parts, label=label, kind="plot forecast")


def _named_sizes(found: dict[str, JSON], x: JSON) -> list[int]:
    """Choose the numbers of labels that are written below, the forecasts first."""
    chosen: list[int] = []
    for size in [
        found["sizes"][-1],
        *(one["n_rows"] for one in found["expected"]),
        *found["sizes"],
    ]:
        if all(abs(x(size) - x(other)) >= APART for other in chosen):
            chosen.append(size)
    return sorted(chosen)


def expected_row(one: dict[str, JSON], found: dict[str, JSON]) -> dict[str, JSON]:
    """Write one forecast."""
    metric = found["metric"]
    factor = metric_of(metric).unit.factor
    gain, low, high = (
        f"{factor * one[end]:+.{1 if factor > 1 else 3}f}"
        for end in ("gain", "gain_low", "gain_high")
    )
    return {
        "n_rows": count(one["n_rows"]),
        "more": f"+{count(one['n_rows'] - found['sizes'][-1])}",
        "score": amount(one["score"], metric),
        "band": f"{amount(one['low'], metric)} to {amount(one['high'], metric)}",
        "gain": gain,
        "gain_band": f"{low} to {high}",
        "doublings": f"{one['doublings']:.1f}",
    }
