"""Tables show every score with its interval."""

from __future__ import annotations

import json

import pytest

from luthier.cli.show import (
    count_findings,
    p_words,
    show_comparison,
    show_findings,
    show_inspection,
    show_result,
    with_interval,
)
from luthier.cli.tables import Layout
from luthier.evaluation.compare_runs import Comparisons
from luthier.inspect_data import Inspection
from luthier.records import Splits
from luthier.registry import find
from luthier.results import Comparison, Finding, RunResult, Score

SCORES = {
    "fine-tuned": {"macro_f1": Score(0.8123, 0.79, 0.83, 2000)},
    "majority": {"macro_f1": Score(0.2, 0.19, 0.21, 2000)},
}
VERDICT = Comparison(
    "fine-tuned", "majority", "macro_f1", 0.61, 0.58, 0.63, 0.0002, 0.0004,
    "paired bootstrap", 2000, None, "Fine-tuned is better than [majority]: 61 points.",
)  # fmt: skip
FINDINGS = (
    Finding(
        "blank-text",
        "error",
        "3 rows have no text.",
        3,
        ("in/a.csv:4:text", "in/a.csv:9:text"),
        "drop them",
    ),
    Finding("few-rows", "note", "There are few rows.", 90),
    Finding("leak", "warning", "5 texts stand in two splits.", 5, ("a.csv:1:text",)),
)


def test_the_result_ends_with_the_report(capsys):
    result = RunResult("runs/a", SCORES, (VERDICT,), FINDINGS, "runs/a/report.html")
    show_result(result, "macro_f1", confidence=0.95)
    shown = capsys.readouterr().out
    assert "macro F1 [95% interval]" in shown
    assert "0.812 [0.790, 0.830]" in shown
    assert "+0.610 [+0.580, +0.630]" in shown
    assert "<0.001" in shown
    assert "Fine-tuned is better than [majority]: 61 points." in shown
    assert "1 error, 1 warning, 1 note" in shown
    assert "5 texts stand in two splits." in shown
    assert "few rows" not in shown
    assert shown.splitlines()[-1] == "Report: runs/a/report.html"


def test_findings_stand_with_errors_first_places_and_fixes(capsys):
    show_findings(FINDINGS)
    shown = capsys.readouterr().out
    assert shown.index("blank-text") < shown.index("leak") < shown.index("few-rows")
    assert "        at a.csv:4:text, :9:text and 1 more" in shown
    assert "fix: drop them" in shown
    assert shown.rstrip().endswith("1 error, 1 warning, 1 note.")


def test_runs_stand_side_by_side_with_their_verdicts(capsys):
    show_comparison(Comparisons("macro_f1", SCORES, (VERDICT,)), confidence=0.9)
    shown = capsys.readouterr().out
    assert "macro F1 [90% interval]" in shown
    assert "fine-tuned is better by" in shown
    assert VERDICT.verdict in shown


def test_clean_data_is_said_to_be_clean(capsys):
    show_findings(())
    assert "no problems" in capsys.readouterr().out


def inspection():
    rows = find("tasks", "text-classification").toy_rows()
    splits = Splits(rows, rows.take([0]), rows.take([1, 2]), {"test": "20% [drawn]"})
    return Inspection(splits, FINDINGS, ("a.csv: encoding utf-8",))


def test_splits_are_shown_with_how_they_were_made(capsys):
    show_inspection(inspection())
    shown = capsys.readouterr().out
    assert "20% [drawn]" in shown
    assert str(len(inspection().splits.train)) in shown


def test_an_inspection_as_json_holds_splits_findings_and_notes(capsys):
    show_inspection(inspection(), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["splits", "findings", "notes", "weak", "has_errors"]
    assert said["splits"][2] == {"split": "test", "rows": 2, "made": "20% [drawn]"}
    assert said["findings"][0]["code"] == "blank-text"
    assert said["has_errors"]


def test_compared_runs_as_json_hold_every_score_and_the_verdicts(capsys):
    compared = Comparisons("macro_f1", SCORES, (VERDICT,))
    show_comparison(compared, confidence=0.9, layout=Layout.JSON)
    said = json.loads(capsys.readouterr().out)
    assert said["confidence"] == 0.9
    assert said["scores"]["fine-tuned"]["macro_f1"]["value"] == 0.8123
    assert said["comparisons"][0]["p_adjusted"] == 0.0004


def test_numbers_are_written_with_their_doubt():
    assert with_interval(1, 0.5, 2, signed=True) == "+1.000 [+0.500, +2.000]"
    assert [p_words(0.0004), p_words(0.04)] == ["<0.001", "0.040"]


def test_findings_are_counted_in_words():
    assert count_findings(FINDINGS[:1] * 2) == "2 errors"
    assert count_findings(()) == "no findings"


@pytest.mark.parametrize("sign", ["\x1b[2J", "\x07", "\x9b31m", "\r"])
def test_what_comes_from_data_does_not_reach_the_terminal_as_an_order(sign, capsys):
    show_findings([Finding("rare-label", "warning", f"label {sign}x", 1, (f"{sign}.csv:1",), sign)])
    said = capsys.readouterr().out
    assert sign[0] not in said
    assert "label" in said
