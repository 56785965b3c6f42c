"""Print records and run folders as tables and sentences.

Every score is shown with its interval and number of rows. Rich falls back to ASCII if the console's
encoding has no box characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from luthier.cli.visible import visible
from luthier.metrics.names import metric_of

if TYPE_CHECKING:
    from luthier.evaluation.compare_runs import Comparisons
    from luthier.exporters.trial import Verification
    from luthier.records import Splits
    from luthier.results import Comparison, Finding, RunResult, Score
    from luthier.studies.results import Results

STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def console() -> Console:
    """Return a console on standard output; 160 columns wide if it is not a terminal."""
    out = Console(highlight=False, soft_wrap=False)
    return out if out.is_terminal else Console(highlight=False, width=160)


def table(*columns: str, title: str | None = None, numbers: Sequence[str] = ()) -> Table:
    """Create a table; the columns named in `numbers` are right-aligned."""
    made = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left")
    return made


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


def p_words(p_value: float) -> str:
    """Format a p-value as journals do."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def show_result(result: RunResult, metric: str, *, confidence: float) -> None:
    """Print systems, verdicts, the data doctor's findings and the report's path."""
    out = console()
    out.print(systems_table(result.scores, result.comparisons, metric, confidence=confidence))
    for comparison in result.comparisons:
        out.print(Text(visible(f"• {comparison.verdict}")))
    if result.findings:
        out.print(Text(f"\nThe data: {count_findings(result.findings)}."))
        for finding in result.findings:
            if finding.severity != "note":
                out.print(Text(visible(f"• {finding.message}"), style=STYLES[finding.severity]))
    out.print()
    print(f"Report: {result.report}")


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
    some = next(
        (all_scores[metric] for all_scores in scores.values() if metric in all_scores), None
    )
    interval = f"{heading(metric)} [{confidence:.0%} interval]"
    made = table(
        "system", interval, better_by, "p", title=f"On {some.n:,} test rows" if some else None
    )
    for system, all_scores in scores.items():
        score, comparison = all_scores.get(metric), by_baseline.get(system)
        made.add_row(
            Text(system, style="" if comparison else "bold"),
            with_interval(score.value, score.low, score.high) if score else "–",
            with_interval(comparison.difference, comparison.low, comparison.high, signed=True)
            if comparison
            else "",
            p_words(comparison.p_adjusted) if comparison else "",
        )
    return made


def show_comparison(compared: Comparisons, *, confidence: float) -> None:
    """Print runs as a table, each compared with the first one."""
    out = console()
    first = next(iter(compared.scores))
    out.print(
        systems_table(
            compared.scores,
            compared.comparisons,
            compared.metric,
            confidence=confidence,
            better_by=f"{first} is better by",
        )
    )
    for comparison in compared.comparisons:
        out.print(Text(visible(f"• {comparison.verdict}")))


def show_export(found: Verification) -> None:
    """Print an exported model beside the run's own, and how closely they agree."""
    metric = found.comparison.metric if found.comparison else None
    made = table(
        "model",
        "MB",
        "ms a row",
        *([f"{heading(metric)} [95% interval]"] if metric else []),
        title=f"One row at a time, {found.timed} test rows",
        numbers=("MB", "ms a row"),
    )
    for name, size in found.megabytes.items():
        cells = [name, f"{size:,.1f}", f"{found.milliseconds[name]:.1f}"]
        if metric:
            score = found.scores[name][metric]
            cells.append(with_interval(score.value, score.low, score.high))
        made.add_row(*cells)
    out = console()
    out.print(made)
    for sentence in (found.words, found.comparison and found.comparison.verdict, found.text):
        if sentence:
            out.print(Text(visible(f"• {sentence}")))


def show_study(results: Results) -> None:
    """Print each arm of a study with its score and costs, and the verdict."""
    metric = results.metric
    has_levels = results.levels != ("",)
    made = table(
        *(["labels"] if has_levels else []),
        "system",
        f"{heading(metric)} [{results.confidence:.0%} interval]",
        "spread",
        "trained",
        "seconds",
        "MiB",
        title=f"On {results.n_test:,} test rows, {len(results.seeds)} seeds",
        numbers=("labels", "spread", "trained", "seconds", "MiB"),
    )
    for one in results.lines:
        score, costs = one.score, one.costs
        cells: list[Any] = [
            Text(visible(one.arm)),
            with_interval(score.mean, score.low, score.high),
            "" if score.spread is None else f"{score.spread:.3f}",
            *(
                "" if costs[name] is None else f"{costs[name]:,.0f}"
                for name in ("trained", "seconds", "peak_memory_mib")
            ),
        ]
        made.add_row(*([one.level] if has_levels else []), *cells)
    out = console()
    out.print(made)
    for failure in results.failures:
        out.print(Text(visible(f"• {failure['cell']}: {failure['reason']}"), style="yellow"))
    for sentence in results.sentences:
        out.print(Text(visible(f"• {sentence}")))


def scores_table(scores: Mapping[str, Score], *, title: str) -> Table:
    """List every metric of one system."""
    made = table("metric", "score [95% interval]", "rows", title=title, numbers=("rows",))
    for metric, score in scores.items():
        made.add_row(
            heading(metric), with_interval(score.value, score.low, score.high), f"{score.n:,}"
        )
    return made


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


def show_splits(splits: Splits) -> None:
    """Print the number of rows of each split and how the split was made."""
    made = table("split", "rows", "made", numbers=("rows",))
    for name, rows in splits.items():
        made.add_row(name, f"{len(rows):,}", Text(splits.made.get(name, "")))
    console().print(made)
