"""Print records and run folders as tables and sentences.

Every score is shown with its interval and number of rows. `tables.py` says how a table is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from luthier.cli.tables import Column, Layout, Row, Table, console, print_json, print_table
from luthier.cli.visible import visible
from luthier.evaluation.sentences import correction, say_p
from luthier.metrics.names import metric_of

if TYPE_CHECKING:
    from luthier.evaluation.compare_runs import Comparisons
    from luthier.exporters.trial import Verification
    from luthier.inspect_data import Inspection
    from luthier.records import Splits
    from luthier.results import Comparison, Finding, RunResult, Score
    from luthier.studies.results import Results
    from luthier.weak_labels.label_rows import WeakLabels

LONGEST_NAME = 40  # of a labelling function in a table
STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """Format a number with its interval.

    >>> with_interval(0.8123, 0.79, 0.83)
    '0.812 [0.790, 0.830]'
    """
    sign = "+" if signed else ""
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def heading(metric: str) -> str:
    """Name a metric above its values, with the unit that they are in."""
    described = metric_of(metric)
    symbol = described.unit.symbol if described.unit.factor == 1 else ""  # shares stay shares
    return f"{described.title}, {symbol}" if symbol else described.title


def p_words(p_value: float, *, is_bound: bool = False) -> str:
    """Format a p-value as journals do; one that is an upper bound as such.

    >>> p_words(0.0004), p_words(0.04), p_words(0.00599, is_bound=True)
    ('<0.001', '0.040', '≤0.006')
    """
    if p_value < 0.001:
        return "<0.001"
    return say_p(p_value, is_bound=True)[2:].replace(" ", "") if is_bound else f"{p_value:.3f}"


def verdicts_of(comparisons: Sequence[Comparison]) -> list[str]:
    """List the verdicts, and for how many comparisons they are corrected."""
    return [one.verdict for one in comparisons] + [*filter(None, [correction(comparisons)])]


def show_result(result: RunResult, metric: str, *, confidence: float) -> None:
    """Print systems, verdicts, the data doctor's findings and the report's path."""
    print_table(
        systems_table(result.scores, result.comparisons, metric, confidence=confidence),
        notes=verdicts_of(result.comparisons),
    )
    out = console()
    for message in result.told:
        out.print(Text(visible(f"• {message}"), style=STYLES["warning"]))
    if result.findings:
        out.print(Text(f"\nThe data: {count_findings(result.findings)}."))
        for finding in result.findings:
            if finding.severity != "note":
                out.print(Text(visible(f"• {finding.message}"), style=STYLES[finding.severity]))
    out.print()
    print(visible(f"Report: {result.report}"))


def systems_table(
    scores: Mapping[str, Mapping[str, Score]],
    comparisons: Sequence[Comparison],
    metric: str,
    *,
    confidence: float,
    better_by: str = "fine-tuned is better by",
) -> Table:
    """Tabulate all systems on one metric."""
    by_baseline = {comparison.baseline: comparison for comparison in comparisons}
    rows: list[dict[str, Any]] = []
    for system, all_scores in scores.items():
        found = by_baseline.get(system)
        rows.append(
            {
                "system": system,
                "metric": metric,
                **parts_of(all_scores.get(metric)),
                "difference": found and found.difference,
                "difference_low": found and found.low,
                "difference_high": found and found.high,
                "p_value": found and found.p_value,
                "p_adjusted": found and found.p_adjusted,
                "p_is_bound": found and found.p_is_bound,
                "ratio": found and found.ratio,
            }
        )
    n_rows = next((row["n"] for row in rows if row["n"] is not None), None)
    return Table(
        (
            Column(
                "system",
                lambda row: str(row["system"]),
                is_bold=lambda row: row["p_value"] is None,
            ),
            Column(f"{heading(metric)} [{confidence:.0%} interval]", score_words),
            Column(better_by, difference_words),
            Column("p" if len(comparisons) < 2 else "corrected p", corrected_p),
        ),
        rows,
        title=None if n_rows is None else f"On {n_rows:,} test rows",
    )


def parts_of(score: Score | None) -> dict[str, Any]:
    """Lay a score out as values of a row."""
    return {part: getattr(score, part, None) for part in ("value", "low", "high", "n")}


def score_words(row: Row) -> str:
    """Write the score of a row with its interval."""
    if row["value"] is None:
        return "–"
    return with_interval(row["value"], row["low"], row["high"])


def corrected_p(row: Row) -> str:
    """Write the corrected p-value of a row's comparison."""
    p_value = row["p_adjusted"]
    return "" if p_value is None else p_words(p_value, is_bound=bool(row["p_is_bound"]))


def difference_words(row: Row) -> str:
    """Write by how much the first system is better than that of a row, or how many times."""
    if row["difference"] is None:
        return ""
    if row["ratio"] is not None:
        value, low, high = row["ratio"]
        return f"{value:.3g} times as much [{low:.3g}, {high:.3g}]"
    ends = row["difference_low"], row["difference_high"]
    return with_interval(row["difference"], *ends, signed=True)


def show_comparison(
    compared: Comparisons, *, confidence: float, layout: Layout = Layout.TABLE
) -> None:
    """Print runs as a table, each compared with the first one."""
    first = next(iter(compared.scores))
    made = systems_table(
        compared.scores,
        compared.comparisons,
        compared.metric,
        confidence=confidence,
        better_by=f"{first} is better by",
    )
    print_table(
        made,
        layout,
        record={"confidence": confidence, **vars(compared)},
        notes=verdicts_of(compared.comparisons),
    )


def show_export(found: Verification) -> None:
    """Print an exported model beside the run's own, and how closely they agree."""
    metric = found.comparison.metric if found.comparison else None
    rows = [
        {
            "model": name,
            "megabytes": size,
            "milliseconds": found.milliseconds[name],
            **parts_of(found.scores[name][metric] if metric else None),
        }
        for name, size in found.megabytes.items()
    ]
    scored = [Column(f"{heading(metric)} [95% interval]", score_words)] if metric else []
    made = Table(
        (
            Column("model", lambda row: str(row["model"])),
            Column("MB", lambda row: f"{row['megabytes']:,.1f}", is_number=True),
            Column("ms a row", lambda row: f"{row['milliseconds']:.1f}", is_number=True),
            *scored,
        ),
        rows,
        title=f"One row at a time, {found.timed} test rows",
    )
    sentences = (found.words, found.comparison and found.comparison.verdict, found.text)
    print_table(made, notes=[sentence for sentence in sentences if sentence])


def show_study(results: Results, *, layout: Layout = Layout.TABLE, record: object = None) -> None:
    """Print each arm of a study with its score and costs, and the verdict.

    Args:
        results: What the study found.
        layout: How it is printed.
        record: What JSON holds of it.
    """
    failed = [
        Text(visible(f"{one['cell']}: {one['reason']}"), style="yellow") for one in results.failures
    ]
    print_table(study_table(results), layout, record=record, notes=[*failed, *results.sentences])


def study_table(results: Results) -> Table:
    """Tabulate the arms of a study: each a row for each level."""
    rows = [
        {
            "level": one.level,
            "arm": one.arm,
            "metric": results.metric,
            **vars(one.score),
            **one.costs,
        }
        for one in results.lines
    ]
    has_levels = results.levels != ("",)
    costs = (("trained", "trained"), ("seconds", "seconds"), ("peak_memory_mib", "MiB"))
    interval = f"{heading(results.metric)} [{results.confidence:.0%} interval]"
    return Table(
        (
            *([Column("labels", lambda row: str(row["level"]), is_number=True)] * has_levels),
            Column("system", lambda row: str(row["arm"])),
            Column(interval, lambda row: with_interval(row["mean"], row["low"], row["high"])),
            Column(
                "spread",
                lambda row: "" if row["spread"] is None else f"{row['spread']:.3f}",
                is_number=True,
            ),
            *(Column(words, partial(count_words, key=key), is_number=True) for key, words in costs),
        ),
        rows,
        title=f"On {results.n_test:,} test rows, {len(results.seeds)} seeds",
    )


def count_words(row: Row, *, key: str) -> str:
    """Write a whole number of a row; what is unknown is left empty."""
    return "" if row[key] is None else f"{row[key]:,.0f}"


def scores_table(scores: Mapping[str, Score], *, title: str) -> Table:
    """List every metric of one system."""
    return Table(
        (
            Column("metric", lambda row: heading(row["metric"])),
            Column("score [95% interval]", score_words),
            Column("rows", lambda row: f"{row['n']:,}", is_number=True),
        ),
        [{"metric": metric, **parts_of(score)} for metric, score in scores.items()],
        title=title,
    )


def count_findings(findings: Iterable[Finding]) -> str:
    """Format the number of findings of each severity."""
    listed = [finding.severity for finding in findings]
    counts = [
        f"{listed.count(kind)} {kind}{'s' if listed.count(kind) != 1 else ''}"
        for kind in STYLES
        if kind in listed
    ]
    return ", ".join(counts) if counts else "no findings"


def show_findings(findings: Sequence[Finding]) -> None:
    """Print the data doctor's findings, errors first, with places and fixes."""
    out = console()
    if not findings:
        out.print("The data doctor found no problems.")
        return
    order = list(STYLES)
    for finding in sorted(findings, key=lambda finding: order.index(finding.severity)):
        style = STYLES[finding.severity]
        out.print(Text(f"{finding.severity:<8}", style=style).append(f"{finding.code}", "bold"))
        lines = [Text(visible(finding.message))]
        if finding.places:
            lines.append(Text(visible(places_words(finding.places[:3], finding.count)), "dim"))
        if finding.fix:
            lines.append(Text("fix: ", style="green").append(visible(finding.fix), "default"))
        for line in lines:
            out.print(Padding(line, (0, 0, 0, 8), expand=False))
    out.print(Text(f"\n{count_findings(findings).capitalize()}."))


def places_words(places: Sequence[str], count: int) -> str:
    """List the first places, with each file named once and without its folder, and count the rest.

    >>> places_words(("data/a.csv:4:text", "data/a.csv:9:text"), 3)
    'at a.csv:4:text, :9:text and 1 more'
    """
    words, before = [], ""
    for place in places:
        file, *rest = place.rsplit(":", 2)
        name = re.split(r"[/\\]", file)[-1]
        words.append(":".join(["" if file == before and rest else name, *rest]))
        before = file
    more = count - len(words)
    return f"at {', '.join(words)}{f' and {more:,} more' if more > 0 else ''}"


def splits_table(splits: Splits) -> Table:
    """Tabulate the number of rows of each split and how the split was made."""
    return Table(
        (
            Column("split", lambda row: str(row["split"])),
            Column("rows", lambda row: f"{row['rows']:,}", is_number=True),
            Column("made", lambda row: str(row["made"])),
        ),
        [
            {"split": name, "rows": len(rows), "made": splits.made.get(name, "")}
            for name, rows in splits.items()
        ],
    )


def weak_table(weak: WeakLabels) -> Table:
    """Tabulate the labelling functions: what they vote for, how often, and how often rightly."""
    return Table(
        (
            Column("function", lambda row: visible(shortened(str(row["name"])))),
            Column("label", lambda row: visible(", ".join(row["labels"]))),
            Column("votes", lambda row: f"{row['n_votes']:,}", is_number=True),
            *(
                Column(part, partial(_percent, key=part), is_number=True)
                for part in ("coverage", "overlap", "conflict")
            ),
            Column("as most others", partial(_share_words, key="estimated")),
            Column("right (labelled rows)", partial(_share_words, key="measured")),
        ),
        [vars(one) for one in weak.functions],
        title=f"Votes on {weak.n_rows:,} training rows without a label, merged by {weak.how}",
    )


def shortened(name: str) -> str:
    """Cut a long name for a table.

    >>> shortened("contains " + "a, " * 20)
    'contains a, a, a, a, a, a, a, a, a, a, …'
    """
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _percent(row: Row, *, key: str) -> str:
    return f"{row[key]:.1%}"


def _share_words(row: Row, *, key: str) -> str:
    score = row[key]
    if score is None:
        return "–"
    return f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}] of {score.n:,}"


def show_inspection(found: Inspection, *, as_json: bool = False) -> None:
    """Print what is known of the data before a training."""
    splits = splits_table(found.splits)
    if as_json:
        parts = {"splits": splits.rows, "findings": found.findings, "notes": found.notes}
        print_json({**parts, "weak": found.weak, "has_errors": found.has_errors})
        return
    for note in found.notes:
        print(visible(f"• {note}"))
    print_table(splits)
    if found.weak is not None:
        print_table(weak_table(found.weak))
    show_findings(found.findings)
