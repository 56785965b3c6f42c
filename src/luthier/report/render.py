"""The report: one page that opens anywhere, made from a run folder and nothing else.

It loads nothing from a network and runs nothing from the data: all texts are escaped, and a
content policy forbids whatever is not in the file itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from luthier.metrics.names import lower_is_better
from luthier.report import figures, words
from luthier.report.facts import Facts, doubts, read_facts
from luthier.runs import RunFolder

MOST_LABELS_DRAWN = 25
MOST_CURVES = 4
FIRST_METRICS = ("accuracy", "macro_f1", "micro_f1", "pearson", "spearman", "mae")


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run folder, whatever the run came to; give its path."""
    facts = read_facts(Path(folder))
    page = Environment(
        loader=PackageLoader("luthier.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.globals.update({name: getattr(words, name) for name in words.__all__})
    run = RunFolder(folder)
    html = page.get_template("report.html").render(
        facts=facts,
        verdicts=verdicts(facts),
        table=score_table(facts),
        forest=main_forest(facts),
        doubts=doubts(facts),
        curves=curves(facts),
        confusion=confusion(facts),
        pairs=confused_pairs(facts),
        reliability=reliability(facts),
        scatter=figures.scatter(facts.analysis["scatter"])
        if facts.analysis.get("scatter")
        else None,
        lengths=lengths(facts),
    )
    return run.write_text(run.report.name, html)


def verdicts(facts: Facts) -> list[dict[str, Any]]:
    """Give each comparison the colour of its outcome."""
    kinds = {"better": "better", "worse": "worse"}
    return [
        item | {"kind": kinds.get(item["verdict"].split(" ", 1)[0], "unclear")}
        for item in facts.comparison.get("comparisons", [])
    ]


def metrics_of(facts: Facts) -> list[str]:
    """Order the metrics: the verdict's first, then the common ones, then the others."""
    if not facts.scores:
        return []
    known = list(next(iter(facts.scores.values())))
    first = [name for name in (facts.metric, *FIRST_METRICS) if name in known]
    return list(dict.fromkeys([*first, *known]))


def score_table(facts: Facts) -> dict[str, Any]:
    """Lay out every system's scores, the best of each metric marked."""
    metrics = metrics_of(facts)
    best = {}
    for metric in metrics:
        values = [
            scores[metric]["value"]
            for scores in facts.scores.values()
            if scores[metric]["value"] is not None
        ]
        choose = min if lower_is_better(metric) else max
        best[metric] = choose(values) if values else None
    return {"metrics": metrics, "best": best}


def main_forest(facts: Facts) -> Any:
    """Draw all systems on the metric of the verdict."""
    systems = [(name, scores[facts.metric]) for name, scores in facts.scores.items()]
    return figures.forest(systems, facts.metric) if systems else None


def curves(facts: Facts) -> list[dict[str, Any]]:
    """Draw loss and validation score of every phase that trained."""
    drawn = []
    for phase, events in list(facts.curves.items())[:MOST_CURVES]:
        losses = [(e["step"], e["loss"]) for e in events if e.get("loss") is not None]
        scored = [e for e in events if e.get("scores")]
        values = [
            (e["step"], e["scores"][facts.metric])
            for e in scored
            if e["scores"].get(facts.metric) is not None
        ]
        best = [e for e in scored if e.get("is_best") and e["scores"].get(facts.metric) is not None]
        marked = (best[-1]["step"], best[-1]["scores"][facts.metric]) if best else None
        drawn.append(
            {
                "phase": phase,
                "loss": figures.curve(
                    [("loss", losses), ("smoothed", figures.smooth(losses))],
                    label=f"Training loss of {phase}",
                ),
                "score": figures.curve(
                    [(facts.metric, values)], label=f"Validation of {phase}", marked=marked
                ),
            }
        )
    return drawn


def confusion(facts: Facts) -> Any:
    """Draw the confusion table where it is small enough to read."""
    table, labels = facts.analysis.get("confusion"), facts.analysis.get("labels", [])
    if not table or len(labels) > MOST_LABELS_DRAWN:
        return None
    return figures.heat_map(table, labels)


def confused_pairs(facts: Facts, most: int = 15) -> list[dict[str, Any]]:
    """List the label pairs that are confused most."""
    table, labels = facts.analysis.get("confusion") or [], facts.analysis.get("labels", [])
    pairs = [
        {"gold": labels[row], "answer": labels[column], "n": n_rows, "of": sum(counts)}
        for row, counts in enumerate(table)
        for column, n_rows in enumerate(counts)
        if row != column and n_rows
    ]
    return sorted(pairs, key=lambda pair: -pair["n"])[:most]


def reliability(facts: Facts) -> Sequence[Any]:
    """Draw reliability before and after temperature scaling."""
    found: Mapping[str, Any] = facts.analysis.get("calibration") or {}
    return [
        figures.diagram(
            found[when]["bins"], title=f"{when}: error {words.share(found[when]['ece'])}"
        )
        for when in ("before", "after")
        if when in found
    ]


def lengths(facts: Facts) -> Any:
    """Draw how long the training rows are."""
    drawn = facts.data.get("tokens", {}).get("train", {}).get("histogram")
    if not drawn:
        return None
    return figures.histogram(drawn["edges"], drawn["counts"], label="Tokens of training rows")
