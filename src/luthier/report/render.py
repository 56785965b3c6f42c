"""The report: one page that opens anywhere, made from a run folder and nothing else.

    run folder ─► facts ─► verdict, limits, closer, origin ─► templates ─► report.html

It loads nothing from a network and runs nothing from the data: every text is escaped, and a
content policy forbids whatever is not in the file itself. A failed run has a report too, with the
reason first and then whatever there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from luthier.report import closer, examples, origin, verdict, words
from luthier.report.facts import Facts, read_facts
from luthier.report.limits import limits
from luthier.runs import RunFolder


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
        RunError: There is no run in that folder.
    """
    facts = read_facts(folder, status=status)
    html = (
        pages(autoescape=True)
        .get_template("report.html")
        .render(
            facts=facts,
            verdict=verdict.verdict(facts),
            sections=sections(facts),
            confidence=words.share(facts.confidence, digits=0),
            numbers_for_machines={"scores": facts.scores, "comparison": facts.comparison},
        )
    )
    run = RunFolder(folder)
    return run.write_text(run.report.name, words.writable(html))


def sections(facts: Facts) -> list[Section]:
    """Work out the sections below the verdict, in their order."""
    farthest = "Farthest off" if facts.kind == "number" else "Mistakes"
    known = (
        Section("comparison", "Every system on the same rows", verdict.comparison(facts)),
        Section("limits", "What this report does not know", limits(facts)),
        Section("curves", "Learning curves", verdict.curves(facts)),
        Section("confusion", "Confusion", closer.confusion(facts)),
        Section("numbers", "True and predicted", closer.numbers(facts)),
        Section("calibration", "Calibration", closer.calibration(facts)),
        Section(
            "labels",
            "Type by type" if facts.kind == "tags" else "Label by label",
            closer.labels(facts),
        ),
        Section("entities", "Entities in context", examples.entities(facts)),
        Section("answers", "Answers in their texts", examples.answers(facts)),
        Section("generations", "Written texts", examples.generations(facts)),
        Section("slices", "Parts of the test set", closer.slices(facts)),
        Section("mistakes", farthest, closer.mistakes(facts)),
        Section("data", "Data", origin.data(facts)),
        Section("reproduce", "Reproduce", origin.reproduction(facts)),
    )
    return [section for section in known if section.shown]


@cache
def pages(*, autoescape: bool) -> Environment:
    """Open the templates, which may call the functions of `words`; they are compiled once."""
    templates = Environment(
        loader=PackageLoader("luthier.report"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals.update({name: getattr(words, name) for name in words.__all__})
    return templates
