"""What is shown does not run: no text of a run leaves the place where it is written."""

import pytest

from luthier.spreadsheets import inert
from tests.torture.inert import (
    FORMULAS,
    cells_that_run,
    faults_of_card,
    faults_of_figures,
    faults_of_page,
    hostile_run,
    pages,
    payloads,
    runs_in_a_spreadsheet,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return list(pages(tmp_path_factory.mktemp("inert")))


def test_payloads_and_formulas_are_many():
    assert len(set(payloads())) >= 100
    assert len(set(FORMULAS)) >= 30


def test_no_payload_leaves_its_place_on_a_report(made):
    assert len(made) > 20
    for report, _ in made:
        html = report.read_text(encoding="utf-8")
        assert faults_of_page(html) == []
        assert "data-fired-" in html


def test_no_payload_leaves_its_place_in_a_card(made):
    for _, card in made:
        text = card.read_text(encoding="utf-8")
        assert faults_of_card(text) == []
        assert "data-fired-" in text


@pytest.mark.parametrize("text", payloads())
def test_no_payload_leaves_its_place_in_a_figure(text):
    assert faults_of_figures(text) == []


def test_no_cell_is_a_formula():
    assert cells_that_run(FORMULAS) == []


@pytest.mark.parametrize(
    "text", ["a", "a = b", "a; b", "see (-:", "50 - 20", "a, -b", "x@y.z", "a;b"]
)
def test_a_text_that_is_no_formula_is_written_as_it_is(text):
    assert inert(text) == text


def test_what_would_run_is_seen():
    for text in payloads()[:40]:
        assert faults_of_page(f"<p>{text}</p>")
    assert all(map(runs_in_a_spreadsheet, FORMULAS[:10]))
    assert faults_of_card("---\nlicense: x\n---\n[a](javascript:b)")
    assert faults_of_card("---\nlicense: x\n---\n<img src=x>")


def test_a_run_is_hostile_in_every_part(tmp_path):
    run = hostile_run(tmp_path / "run", ["PAYLOAD"])
    for name in ("recipe.yaml", "data.json", "scores.json", "panels.json", "environment.json"):
        assert "PAYLOAD" in (run / name).read_text(encoding="utf-8")
