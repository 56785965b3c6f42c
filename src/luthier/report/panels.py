"""Draw panels: whatever a run or a plug-in has to show, one template per kind.

    Panel ─► prepared data ─► template ─► Drawn

A new view is one file: `templates/panels/KIND.html`, in which `shown` is the panel's data. A kind
whose data must be prepared for its template (a figure drawn, say) has a function of the data and
the facts in the catalogue (`registry.DECLARED`). A package brings a kind of its own under the entry
point group `luthier.panels`: the text of a Jinja template, or such a function, which may give
finished markup. Panels of any other kind are drawn as a plain table. Next: `render.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateError
from markupsafe import Markup

from luthier.declarations import JSON, Panel
from luthier.registry import DECLARED, find, names
from luthier.report import formatting
from luthier.report.facts import Facts

MISSHAPEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)
TABLE = "table"  # the kind that draws whatever it is given
HEADINGS = {  # where they differ from the kind's name
    "comparison": "Every system on the same rows",
    "limits": "What this report does not know",
    "curves": "Learning curves",
    "numbers": "True and predicted",
    "labels": "Label by label",
    "entities": "Entities in context",
    "answers": "Answers in their texts",
    "generations": "Written texts",
    "explanations": "Why",
    "weak-labels": "Labels by functions",
    "slices": "Parts of the test set",
    "explanation-check": "Are explanations true?",
    "explanation-words": "Words that the model goes by",
}


@dataclass(frozen=True)
class Drawn:
    """A panel on the page.

    Args:
        anchor: The id of its section.
        heading: Its title.
        body: Its markup, in which every text is escaped.
    """

    anchor: str
    heading: str
    body: Markup


def draw(panels: Iterable[Panel], facts: Facts) -> list[Drawn]:
    """Draw panels in their order, leaving out those that have nothing to show."""
    drawn, n_of = [], Counter[str]()
    for panel in panels:
        words = re.sub("[-_]", " ", panel.kind)
        heading = panel.heading or HEADINGS.get(panel.kind) or words[:1].upper() + words[1:]
        slug = re.sub(r"[^a-z0-9]+", "-", panel.kind.lower()).strip("-") or TABLE
        anchor = f"{slug}.{n_of[slug] + 1}" if n_of[slug] else slug
        if body := _draw(panel, facts, anchor):
            drawn.append(Drawn(anchor, heading, body))
            n_of[slug] += 1
    return drawn


def _draw(panel: Panel, facts: Facts, anchor: str) -> Markup:
    if panel.kind in _own_kinds():
        return _markup(panel, facts, anchor)
    try:  # a template or a function of another package
        return _markup(panel, facts, anchor)
    except (*MISSHAPEN, ImportError, TemplateError) as problem:
        note = f"Its own view failed ({type(problem).__name__}: {problem}); this is what it holds."
        return Markup("<p>{}</p>\n").format(note[:300]) + _filled(TABLE, panel.data, facts, anchor)


def _markup(panel: Panel, facts: Facts, anchor: str) -> Markup:
    known = DECLARED["panels"] if panel.kind in _own_kinds() else names("panels")
    view = find("panels", panel.kind) if panel.kind in known else None
    shown = view(panel.data, facts) if callable(view) else panel.data
    if isinstance(shown, Markup):
        return shown
    if not shown:
        return Markup("")
    if isinstance(view, str):
        template = pages(autoescape=True).from_string(view)
        return Markup(template.render(**_context(shown, facts, anchor)))
    return _filled(panel.kind if panel.kind in _own_kinds() else TABLE, shown, facts, anchor)


def _filled(kind: str, shown: object, facts: Facts, anchor: str) -> Markup:
    template: Template = pages(autoescape=True).get_template(f"panels/{kind}.html")
    return Markup(template.render(**_context(shown, facts, anchor)))


def _context(shown: object, facts: Facts, anchor: str) -> dict[str, object]:
    confidence = formatting.share(facts.confidence, digits=0)
    return {"shown": shown, "facts": facts, "anchor": anchor, "confidence": confidence}


@cache
def _own_kinds() -> frozenset[str]:
    """List the kinds that the report has templates for."""
    folder = files("luthier.report") / "templates" / "panels"
    return frozenset(file.name.removesuffix(".html") for file in folder.iterdir())


@cache
def pages(*, autoescape: bool, finalize: Callable[[JSON], str] | None = None) -> Environment:
    """Open the templates, compiled once; they may call the functions of `formatting`.

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
    if autoescape:
        templates.globals["parts"] = templates.get_template("parts.html").module
    return templates
