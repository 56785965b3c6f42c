"""The real quickstart, end to end, on fewer rows: the real model, the real tweets."""

from pathlib import Path

import pytest

import luthier
from luthier.runs import RunFolder

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.yaml"


@pytest.mark.slow
def test_the_quickstart_runs_from_the_package_to_the_report(tmp_path):
    fewer = ["data.limit={train: 48, validation: 24, test: 40}", "training.max_steps=2"]
    result = luthier.run(RECIPE, fewer, out=tmp_path / "run")
    folder = RunFolder.open(result.folder).require_finished()
    assert [c.baseline for c in result.comparisons] == [
        "majority",
        "tfidf-linear",
        "frozen-encoder",
        "from-scratch",
    ]
    codes = {finding.code: finding.count for finding in result.findings}
    assert codes["duplicate-rows"] + codes["duplicate-across-splits"] > 800
    assert codes["encoding-damage"] > 1000
    assert "What this report does not know" in folder.report.read_text(encoding="utf-8")
    (answer,) = luthier.load(folder.path)("Thank you, what a lovely flight!")
    assert answer["label"] in ("negative", "neutral", "positive")
