"""The page of a search: scores by trial, what mattered, and what fresh seeds say.

tune.json ─► figure, rows ─► tune.html
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from luthier import __version__
from luthier.declarations import JSON
from luthier.metrics.names import lower_is_better, metric_of, title
from luthier.report.figures import Scale, dot, grid, interval_bar, path, svg, text
from luthier.report.formatting import amount, share
from luthier.report.panels import pages
from luthier.report.study import pair_of, row_of
from luthier.runs.files import write_whole

HEIGHT = 260.0  # pixels
FAR = 2.0  # interquartile ranges below the quartile, beyond which a score is drawn at the edge


def write_search(folder: Path, found: dict[str, JSON]) -> Path:
    """Write `report.html` of a search.

    Args:
        folder: Of the study.
        found: As `tune.json` has it.

    Returns:
        Path of the page.
    """
    page = pages(autoescape=True).get_template("tune.html")
    arms = [("Search", found["search"])]
    arms += [("Random search", found["random"])] if found["random"] else []
    fresh = found["fresh"]
    html = page.render(
        found=found,
        metric_title=title(found["metric"]),
        test_title=title(fresh["metric"]) if fresh else "",
        figures=[(name, best_so_far(one, found)) for name, one in arms],
        mattered=mattered_rows(found),
        trials=[trial_row(one, name, found) for name, arm in arms for one in arm["trials"]],
        rows=[row_of(one, fresh["metric"]) for one in fresh["lines"]] if fresh else [],
        pairs=[pair_of(one, fresh["metric"]) for one in fresh["pairs"]] if fresh else [],
        validation=[
            {
                "arm": arm,
                "score": amount(one["mean"], found["metric"]),
                "interval": f"{amount(one['low'], found['metric'])} to "
                f"{amount(one['high'], found['metric'])}",
                "n_seeds": one["n_seeds"],
            }
            for arm, one in found["validation"].items()
        ],
        confidence=share(found["confidence"], digits=0),
        version=__version__,
    )
    return write_whole(folder / "report.html", [html])


def best_so_far(arm: dict[str, JSON], found: dict[str, JSON]) -> Markup:
    """Draw the score of each trial, and a line for the best so far; the axis holds both arms."""
    unit, lower = metric_of(found["metric"]).unit, lower_is_better(found["metric"])
    both = [arm["trials"] for arm in (found["search"], found["random"]) if arm]
    scores = [one["score"] for trials in both for one in trials if one["score"] is not None]
    across = Scale(-0.5, max((len(trials) for trials in both), default=1) - 0.5)
    down = Scale.of(within(scores, lower=lower), least=unit.least, most=unit.most)
    parts = grid(across, down, HEIGHT, unit=unit)
    steps: list[tuple[float, float]] = []
    marks = []
    best: float | None = None
    for one in arm["trials"]:
        x = across(one["number"])
        if one["score"] is None:
            if one["state"] == "failed":
                marks.append(text(f"{x}%", HEIGHT - 6, "×"))
            else:
                marks.append(dot(x, HEIGHT - 10, 4, "ring", f"{one['cell']}: {one['state']}"))
            continue
        y = HEIGHT - down(min(max(one["score"], down.low), down.high), HEIGHT)
        is_better = best is None or (one["score"] < best if lower else one["score"] > best)
        if is_better:
            if steps:
                steps.append((x, steps[-1][1]))
            best = one["score"]
            steps.append((x, y))
        said = f"{one['cell']}: {amount(one['score'], found['metric'])}"
        marks.append(dot(x, y, 4.5, "dotted", said))
        if one["cell"] == arm["best"]:
            marks.append(dot(x, y, 9, "ring"))
    if steps:
        steps.append((across(len(arm["trials"]) - 1), steps[-1][1]))
        parts.append(path(steps, HEIGHT, "curve strong"))
    label = f"{title(found['metric'])} on validation rows by trial; the line is the best so far"
    return svg(HEIGHT + 26, [*parts, *marks], label=label)


def within(scores: list[float], *, lower: bool) -> list[float]:
    """Leave out scores far on the bad side, which would press all others together."""
    if len(scores) < 4:
        return scores
    ordered = sorted(scores, reverse=lower)
    first, third = ordered[len(ordered) // 4], ordered[3 * len(ordered) // 4]
    reach = FAR * abs(third - first)
    return [one for one in scores if (first - one if not lower else one - first) <= reach]


def mattered_rows(found: dict[str, JSON]) -> list[dict[str, JSON]]:
    """Write how much each setting mattered, with its interval drawn."""
    scale = Scale(0.0, 1.0)
    return [
        {
            **one,
            "share": share(one["share"], digits=0),
            "interval": f"{share(one['low'], digits=0)} to {share(one['high'], digits=0)}",
            "bar": interval_bar({**one, "value": one["share"]}, scale),
            "p": "<0.001" if one["p_adjusted"] < 0.001 else f"{one['p_adjusted']:.3f}",
        }
        for one in found["mattered"]
    ]


def trial_row(one: dict[str, JSON], arm: str, found: dict[str, JSON]) -> dict[str, JSON]:
    """Write one trial."""
    best = {arm["best"] for arm in (found["search"], found["random"]) if arm}
    return {
        "cell": one["cell"],
        "arm": arm,
        "state": one["state"],
        "is_best": one["cell"] in best,
        "score": "–" if one["score"] is None else amount(one["score"], found["metric"]),
        "values": [setting_text(one["values"].get(path)) for path in found["space"]],
        "seconds": "–" if one["seconds"] is None else f"{one['seconds']:,.0f}",
        "reason": one["reason"] or "",
    }


def setting_text(value: JSON) -> str:
    """Write the value of a setting, numbers with four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "–" if value is None else str(value)
