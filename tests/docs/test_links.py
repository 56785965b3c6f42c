"""Links within the documentation lead somewhere, and so do the paths it names in code marks."""

import re

import pytest

from luthier.registry import CATALOGUE
from tests.docs.blocks import PAGES, ROOT

LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)[^)]*\)")
SOURCE = re.compile(r"`((?:[a-z_]+/)*[a-z0-9_]+\.py)`")
PATH = re.compile(r"`((?:src|docs|tests|benchmarks|recipes)/[\w/.-]+)`")
EXAMPLE = "baselines/coin_flip.py"  # of a plug-in that somebody might add
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@each_page
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@each_page
def test_paths_in_code_marks_exist(page):
    text = page.read_text(encoding="utf-8")
    missing = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    for path in SOURCE.findall(text):
        if not any((base / path).exists() for base in (ROOT / "src/luthier", ROOT, page.parent)):
            missing.append(path)
    assert [path for path in missing if not path.endswith(EXAMPLE)] == []


@each_page
def test_no_page_has_both_sides_of_a_merge(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))] == []


def test_every_paper_has_a_place_in_the_source():
    rows = [
        line.split("|")[1:4]
        for line in (ROOT / "docs" / "papers.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and "`" in line
    ]
    assert len(rows) > 10
    for paper, place, deviation in rows:
        (path,) = SOURCE.findall(place)
        source = (ROOT / "src" / "luthier" / path).read_text(encoding="utf-8")
        first_author = re.split(r"[ ,]", paper.strip())[0]
        assert first_author in source, f"{path} does not name {first_author}"
        assert deviation.strip()


def test_catalogue_kinds_are_those_of_the_map():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [kind for kind in CATALOGUE if f"`luthier.{kind}`" not in text] == []
