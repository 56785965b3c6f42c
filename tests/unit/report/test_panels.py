"""Whatever a plug-in has to show is on the page, by its own template or as a plain table."""

import json

import pytest
from markupsafe import Markup

from luthier.declarations import Panel
from luthier.report.facts import read_facts
from luthier.report.panels import draw
from luthier.report.render import write_report
from tests.packages import forget, install
from tests.unit.report.fake_run import HOSTILE, fake_run, set_panels
from tests.unit.report.test_report import Page, sections

VIEWS = """
from markupsafe import Markup, escape

TEMPLATE = "<p>{{ shown.word }} of {{ facts.system }}</p>"
BROKEN = "<p>{{ shown.word.missing.part }}</p>"

def draw(data, facts):
    return Markup(f"<p>{escape(data['word'])} drawn</p>")
"""


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """Install a package that draws three kinds of panel."""
    kinds = {"by-template": "TEMPLATE", "by-function": "draw", "broken": "BROKEN", "data": "draw"}
    install(tmp_path / "site", monkeypatch, VIEWS, panels=kinds)
    yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def facts(tmp_path):
    """A finished run."""
    return read_facts(fake_run(tmp_path / "facts"))


def test_a_kind_without_a_template_is_drawn_as_a_plain_table(facts):
    data = {
        "n": 3,
        "words": ["a", "b"],
        "rows": [{"name": "x", "score": 0.5}, {"name": "y", "more": {"deep": [1, [2, {"z": 3}]]}}],
    }
    (drawn,) = draw([Panel("word-clouds", "", data)], facts)
    assert (drawn.anchor, drawn.heading) == ("word-clouds", "Word clouds")
    page = Page(drawn.body)
    assert page.open == []
    texts = " ".join(" ".join(page.texts).split())
    for words in ("n 3 words", "a, b", "name", "score", "more", "0.500", "deep", "z"):
        assert words in texts


def test_a_long_table_says_how_much_it_leaves_out(facts):
    (drawn,) = draw([Panel("table", "All", [{"n": n} for n in range(250)])], facts)
    assert drawn.heading == "All"
    assert "50 more entries not shown." in drawn.body


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_a_panel_with_nothing_to_show_is_left_out(facts, nothing):
    assert draw([Panel("word-clouds", "Words", nothing)], facts) == []


def test_panels_of_one_kind_have_anchors_of_their_own(facts):
    drawn = draw([Panel("table", f"Nr. {n}", [n]) for n in (1, 2, 3)], facts)
    assert [one.anchor for one in drawn] == ["table", "table.2", "table.3"]


def test_a_package_brings_the_template_of_its_kind(third_party, facts):
    made = [Panel("by-template", "A", {"word": "<b>"}), Panel("by-function", "B", {"word": "<b>"})]
    assert [one.body for one in draw(made, facts)] == [
        Markup("<p>&lt;b&gt; of fine-tuned</p>"),
        Markup("<p>&lt;b&gt; drawn</p>"),
    ]


def test_a_package_does_not_replace_the_reports_own_views(third_party, tmp_path):
    html = write_report(fake_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "<h3>Splits</h3>" in html


def test_a_view_that_fails_leaves_a_plain_table_and_says_so(third_party, facts):
    (drawn,) = draw([Panel("broken", "C", {"word": "<b>"})], facts)
    assert "Its own view failed (UndefinedError" in drawn.body
    assert "&lt;b&gt;" in drawn.body


def test_a_plugins_panels_stand_between_the_reports_own(tmp_path):
    folder = fake_run(tmp_path / "run")
    set_panels(folder, **{"word-clouds": {"n": 1}})
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert sections(page)[-3:] == ["word-clouds", "data", "reproduce"]


@pytest.mark.parametrize("kind", ["../page", "/etc/passwd", "page.css", "report", "", HOSTILE])
def test_a_kind_from_a_file_opens_no_other_template(tmp_path, kind):
    folder = fake_run(tmp_path / "run")
    set_panels(folder, **{kind: {HOSTILE: HOSTILE, "rows": [{HOSTILE: HOSTILE}]}})
    html = write_report(folder).read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 1, 0)
    assert html.count("<!doctype html>") == 1


@pytest.mark.parametrize("panels", [5, {"a": 1}, [5], [{"heading": "no kind"}]])
def test_misshapen_panels_are_named(tmp_path, panels):
    folder = fake_run(tmp_path / "run")
    (folder / "panels.json").write_text(json.dumps({"panels": panels}))
    html = write_report(folder).read_text(encoding="utf-8")
    assert "Damaged and left out: panels" in html
