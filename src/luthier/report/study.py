"""The page of a study: a figure, a table, the verdict, and its limits.

results ─► figure, rows ─► study.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from luthier import __version__
from luthier.declarations import JSON
from luthier.metrics.names import metric_of, title
from luthier.report.figures import Scale, interval_bar, line, svg, text, tick_text
from luthier.report.formatting import amount, number, share
from luthier.report.panels import pages
from luthier.results import ALPHA
from luthier.runs.files import write_whole

HELPED, HURT, UNCLEAR = "helped", "hurt", "not distinguishable"  # what a change did
HEIGHT, COLOURS, APART = 340.0, 8, 17.0  # pixels, distinct colours, pixels between names


def write_study(folder: Path, results: dict[str, JSON]) -> Path:
    """Write `report.html` of a study.

    Args:
        folder: Of the study.
        results: As `study.json` has them.

    Returns:
        Path of the page.
    """
    page = pages(autoescape=True).get_template("study.html")
    metric = results["metric"]
    html = page.render(
        results=results,
        metric_title=title(metric),
        figure=curves(results),
        series=series_of(results),
        rows=[row_of(one, metric) for one in results["lines"]],
        pairs=[pair_of(one, metric) for one in results["pairs"] if not results.get("reference")],
        changes=changes_of(results),
        confidence=share(results["confidence"], digits=0),
        version=__version__,
    )
    return write_whole(folder / "report.html", [html])


def series_of(results: dict[str, JSON]) -> dict[str, str]:
    """Give each arm the class of its colour."""
    return {arm: f"s{number % COLOURS}" for number, arm in enumerate(results["arms"])}


def curves(results: dict[str, JSON]) -> Markup:
    """Draw the mean of every arm over the levels, with a band for its interval."""
    levels, metric = results["levels"], results["metric"]
    lines = results["lines"]
    ends = [one["score"][end] for one in lines for end in ("low", "high", "mean")]
    unit = metric_of(metric).unit
    down = Scale.of([min(max(end, unit.least), unit.most) for end in ends])
    parts = []
    for tick in down.ticks(5):
        y = HEIGHT - down(tick, HEIGHT)
        parts += [
            line(0, y, 100, y, "grid"),
            text("-8", y + 4, tick_text(tick, unit), anchor="end"),
        ]
    places = {level: place(number, len(levels)) for number, level in enumerate(levels)}
    parts += [text(f"{x:g}%", HEIGHT + 20, level or " ") for level, x in places.items()]
    named: list[tuple[float, str, str]] = []
    bands, drawn = [], []
    for arm, kind in series_of(results).items():
        own = [one for one in lines if one["arm"] == arm]
        if not own:
            continue
        heights = [HEIGHT - down(one["score"]["mean"], HEIGHT) for one in own]
        bands.append(band(own, places, down, kind))
        drawn.append(
            polyline([(places[one["level"]], y) for one, y in zip(own, heights, strict=True)], kind)
        )
        drawn += [
            mark(places[one["level"]], y, kind, said_of(one, metric))
            for one, y in zip(own, heights, strict=True)
        ]
        named.append((heights[-1], arm, kind))
    parts += [*bands, *drawn]
    for y, arm, kind in spread_out(named):
        parts.append(
            f'<text x="100%" dx="12" y="{y + 4:g}" class="tick name {kind}">{escape(arm)}</text>'
        )
    label = f"{title(metric)} by {results['name']}: {', '.join(results['sentences'])}"
    return svg(HEIGHT + 26, parts, label=label, kind="plot ladder")


def place(number: int, n_levels: int) -> float:
    """Give the horizontal position of a level in per cent; a single one is centred."""
    return 50.0 if n_levels == 1 else round(4 + 92 * number / (n_levels - 1), 2)


def spread_out(named: Sequence[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Move names down where they would overlap."""
    placed: list[tuple[float, str, str]] = []
    for y, arm, kind in sorted(named):
        least = placed[-1][0] + APART if placed else y
        placed.append((max(y, least), arm, kind))
    over = placed[-1][0] - HEIGHT if placed else 0
    return [(y - max(over, 0), arm, kind) for y, arm, kind in placed]


def band(own: Sequence[dict[str, JSON]], places: dict[str, float], down: Scale, kind: str) -> str:
    """Draw the interval around a line; whiskers where there is one level alone."""
    upper = [
        (places[one["level"]], HEIGHT - down(min(one["score"]["high"], down.high), HEIGHT))
        for one in own
    ]
    lower = [
        (places[one["level"]], HEIGHT - down(max(one["score"]["low"], down.low), HEIGHT))
        for one in own
    ]
    if len(own) == 1:
        (x, y), (_, end) = upper[0], lower[0]
        return f'<line x1="{x:g}%" x2="{x:g}%" y1="{y:g}" y2="{end:g}" class="series {kind}"/>'
    around = " ".join(f"{x:g},{y:g}" for x, y in [*upper, *lower[::-1]])
    return stretched(f'<polygon points="{around}" class="band {kind}"/>')


def polyline(points: Sequence[tuple[float, float]], kind: str) -> str:
    """Draw a line through points (per cent, pixels)."""
    through = " ".join(f"{x:g},{y:g}" for x, y in points)
    return stretched(f'<polyline points="{through}" class="series {kind}"/>')


def stretched(shape: str) -> str:
    """Draw a shape whose horizontal positions are in per cent."""
    return (
        f'<svg viewBox="0 0 100 {HEIGHT:g}" width="100%" height="{HEIGHT:g}" '
        f'preserveAspectRatio="none">{shape}</svg>'
    )


def mark(x: float, y: float, kind: str, said: str) -> str:
    """Draw a dot that shows its numbers on hover."""
    return (
        f'<circle cx="{x:g}%" cy="{y:g}" r="4" class="spot {kind}">'
        f"<title>{escape(said)}</title></circle>"
    )


def said_of(one: dict[str, JSON], metric: str) -> str:
    """Describe one arm's score at one level."""
    score = one["score"]
    return (
        f"{one['arm']}, {one['level'] or 'all labels'}: {amount(score['mean'], metric)} "
        f"({amount(score['low'], metric)} to {amount(score['high'], metric)}, "
        f"{score['n_seeds']} seeds)"
    )


def row_of(one: dict[str, JSON], metric: str) -> dict[str, JSON]:
    """Write one line of the table."""
    score, costs = one["score"], one["costs"]
    trained, total = costs["trained"], costs["parameters"]
    return {
        "level": one["level"],
        "arm": one["arm"],
        "score": amount(score["mean"], metric),
        "interval": f"{amount(score['low'], metric)} to {amount(score['high'], metric)}",
        "spread": "–" if score["spread"] is None else amount(score["spread"], metric),
        "n_seeds": score["n_seeds"],
        "trained": "–" if not total else f"{trained:,.0f} ({share(trained / total, digits=2)})",
        "seconds": "–" if costs["seconds"] is None else f"{costs['seconds']:,.1f}",
        "memory": "–" if not costs["peak_memory_mib"] else f"{costs['peak_memory_mib']:,.0f}",
        "size": "–" if not costs["bytes"] else number(costs["bytes"] / 2**20),
    }


def changes_of(results: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Write each change against the recipe as it is, its interval drawn around no difference."""
    reference, metric = results.get("reference"), results["metric"]
    if not reference:
        return []
    factor = metric_of(metric).unit.factor
    costs = {(one["level"], one["arm"]): one["costs"] for one in results["lines"]}
    ends = [pair["difference"][end] for pair in results["pairs"] for end in ("low", "high")]
    scale = Scale.of([factor * end for end in ends] + [0.0])
    changes = []
    for pair in results["pairs"]:
        found = {name: factor * pair["difference"][name] for name in ("mean", "low", "high")}
        before = costs[pair["level"], reference]["seconds"]
        seconds = costs[pair["level"], pair["first"]]["seconds"]
        difference = pair["difference"]
        verdict = what_it_did(difference["mean"], pair["p_adjusted"], difference["n_seeds"])
        changes.append(
            {
                "level": pair["level"],
                "arm": pair["first"],
                "bar": interval_bar(found, scale, key="mean", reference=0.0),
                "difference": f"{found['mean']:+.2f}",
                "interval": f"{found['low']:+.2f} to {found['high']:+.2f}",
                "p": "<0.001" if pair["p_adjusted"] < 0.001 else f"{pair['p_adjusted']:.3f}",
                "times": f"×{seconds / before:.2f}" if seconds and before else "–",
                "verdict": verdict,
                "is_clear": verdict != UNCLEAR,
            }
        )
    return changes


def what_it_did(difference: float, p_adjusted: float, n_seeds: int) -> str:
    """Say what a change did, by a difference of which more is better.

    One seed tells nothing: its p-value knows of the test rows alone.
    """
    if p_adjusted >= ALPHA or n_seeds < 2:
        return UNCLEAR
    return HELPED if difference > 0 else HURT


def pair_of(one: dict[str, JSON], metric: str) -> dict[str, JSON]:
    """Write one comparison, the better of the two first."""
    found = one["difference"]
    first, second, sign = one["first"], one["second"], 1
    if found["mean"] < 0:
        first, second, sign = second, first, -1
    low, high = sorted((sign * found["low"], sign * found["high"]))
    factor = metric_of(metric).unit.factor
    return {
        "level": one["level"],
        "first": first,
        "second": second,
        "difference": f"{sign * factor * found['mean']:+.2f}",
        "interval": f"{factor * low:+.2f} to {factor * high:+.2f}",
        "p": "<0.001" if one["p_adjusted"] < 0.001 else f"{one['p_adjusted']:.3f}",
        "is_clear": one["p_adjusted"] < 0.05,
    }
