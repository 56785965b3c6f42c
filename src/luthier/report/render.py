"""The report: one page that opens anywhere, made from a run folder and nothing else.

    run folder ─► facts ─► panels ─► templates ─► report.html

The page loads nothing from a network and runs nothing from the data: every text is escaped, and a
content policy forbids whatever is not in the file itself and every script but the page's own, which
it knows by its hash. A failed run has a report too: the reason first, then whatever there is.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from luthier.declarations import JSON, Panel
from luthier.errors import RunError
from luthier.report import formatting, provenance, verdict
from luthier.report.facts import Facts, read_facts
from luthier.report.limits import limits
from luthier.report.panels import MISSHAPEN, draw, pages
from luthier.runs import RunFolder

SCRIPT = Markup((files("luthier.report") / "templates" / "page.js").read_text(encoding="utf-8"))


def hash_of(script: str) -> str:
    """Name a script as a content policy does: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"


def write_report(folder: Path, *, status: dict[str, JSON] | None = None) -> Path:
    """Write `report.html` into a run folder, however far the run got.

    Args:
        folder: The run folder.
        status: The status that the run is about to write; None takes the one it has written.

    Returns:
        Path of the report.

    Raises:
        RunError: There is no run in that folder, or its documents have an unknown shape.
    """
    facts = read_facts(folder, status=status)
    try:
        html = lay_out(facts)
    except MISSHAPEN as problem:
        raise RunError(
            "A document of this run is not as Luthier writes it, and cannot be shown.",
            received=f"{folder}: {str(problem)[:200]}",
            hint="copy the run's folder whole, or run its recipe again",
        ) from problem
    run = RunFolder(folder)
    return run.write_text(run.report.name, formatting.writable(html))


def lay_out(facts: Facts) -> str:
    """Lay the facts out as a page."""
    page = pages(autoescape=True).get_template("report.html")
    return page.render(
        facts=facts,
        panels=draw(panels(facts), facts),
        numbers_for_machines={"scores": facts.scores, "comparison": facts.comparison},
        script=SCRIPT,
        script_hash=hash_of(SCRIPT),
    )


def panels(facts: Facts) -> list[Panel]:
    """List the panels of the page: the run's own stand between those made from its documents."""
    return [
        Panel("verdict", "", verdict.verdict(facts)),
        Panel("comparison", "", verdict.comparison(facts)),
        Panel("limits", "", limits(facts)),
        Panel("curves", "", verdict.curves(facts)),
        *facts.panels,
        Panel("weak-labels", "", facts.data.get("weak")),
        Panel("data", "", provenance.data(facts)),
        Panel("reproduce", "", provenance.reproduction(facts)),
    ]
