"""The report: one page that opens anywhere, made from a run folder and nothing else.

    run folder ─► facts ─► verdict, limits, closer, origin ─► templates ─► report.html

It loads nothing from a network and runs nothing from the data: every text is escaped, and a
content policy forbids whatever is not in the file itself, and every script but the page's own,
which it knows by its hash. A failed run has a report too, with the
reason first and then whatever there is.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from luthier.errors import RunError
from luthier.report import error_analysis, examples, formatting, provenance, verdict
from luthier.report.facts import Facts, read_facts
from luthier.report.limits import limits
from luthier.runs import RunFolder

SCRIPT = Markup((files("luthier.report") / "templates" / "page.js").read_text(encoding="utf-8"))


def hash_of(script: str) -> str:
    """Name a script as a content policy does: https://www.w3.org/TR/CSP3/#grammardef-hash-source."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        name: Its anchor. `heading`: its title.
        shown: What its template lays out; left out of the page where empty.
    """

    name: str
    heading: str
    shown: Any

    @property
    def template(self) -> str:
        """Name of its template."""
        return f"{self.name}.html"


def write_report(folder: Path, *, status: dict[str, Any] | None = None) -> Path:
    """Write `report.html` into a run folder, whatever the run came to.

    Args:
        folder: The run folder.
        status: What the run is about to say of itself; None: what it says.

    Returns:
        Path of the report.

    Raises:
        RunError: There is no run in that folder, or its documents are of no known shape.
    """
    facts = read_facts(folder, status=status)
    try:
        html = lay_out(facts)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as problem:
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
        verdict=verdict.verdict(facts),
        sections=sections(facts),
        confidence=formatting.share(facts.confidence, digits=0),
        numbers_for_machines={"scores": facts.scores, "comparison": facts.comparison},
        script=SCRIPT,
        script_hash=hash_of(SCRIPT),
    )


def sections(facts: Facts) -> list[Section]:
    """Work out the sections below the verdict, in their order."""
    farthest = "Farthest off" if facts.kind == "number" else "Mistakes"
    known = (
        Section("comparison", "Every system on the same rows", verdict.comparison(facts)),
        Section("limits", "What this report does not know", limits(facts)),
        Section("curves", "Learning curves", verdict.curves(facts)),
        Section("confusion", "Confusion", error_analysis.confusion(facts)),
        Section("numbers", "True and predicted", error_analysis.numbers(facts)),
        Section("calibration", "Calibration", error_analysis.calibration(facts)),
        Section(
            "labels",
            "Type by type" if facts.kind == "tags" else "Label by label",
            error_analysis.labels(facts),
        ),
        Section("entities", "Entities in context", examples.entities(facts)),
        Section("answers", "Answers in their texts", examples.answers(facts)),
        Section("generations", "Written texts", examples.generations(facts)),
        Section("slices", "Parts of the test set", error_analysis.slices(facts)),
        Section("mistakes", farthest, error_analysis.mistakes(facts)),
        Section("data", "Data", provenance.data(facts)),
        Section("reproduce", "Reproduce", provenance.reproduction(facts)),
    )
    return [section for section in known if section.shown]


@cache
def pages(*, autoescape: bool, finalize: Callable[[Any], str] | None = None) -> Environment:
    """Open the templates, which may call the functions of `words`; they are compiled once.

    Args:
        autoescape: Whether they are HTML, in which every text is escaped.
        finalize: What else is done to every text that is put into them.
    """
    templates = Environment(
        loader=PackageLoader("luthier.report"),
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update({name: getattr(formatting, name) for name in formatting.__all__})
    return templates
