"""`luthier runs` lists runs and deletes those it is told to, once that is confirmed."""

import json
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from luthier.cli.app import app
from luthier.cli.runs import age_words
from tests.unit.report.fake_run import fake_run


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command line beside a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    fake_run(tmp_path / "runs" / "one")
    return lambda *arguments: CliRunner().invoke(app, ["runs", *arguments])


def test_runs_are_listed(call):
    said = call().stdout
    for words in ("one", "text-classification", "tiny/bert", "full", "kB", "0.800", "finished"):
        assert words in said


def test_runs_as_json_have_stable_keys_and_nothing_else_is_printed(call):
    (run,) = json.loads(call("--json").stdout)
    keys = "name folder state reason task model method started n_bytes metric score"
    assert list(run) == keys.split()
    assert run["score"] == {"value": 0.8, "low": 0.7, "high": 0.9, "n": 300}


def test_without_runs_it_says_how_one_is_made(call, tmp_path):
    (tmp_path / "runs").rename(tmp_path / "others")
    assert "luthier run RECIPE" in call().stdout
    assert json.loads(call("--json").stdout) == []


def test_a_folder_that_does_not_exist_is_an_error(call):
    result = call("nowhere", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no such folder" in result.stderr


def test_nothing_is_deleted_without_a_word(call, tmp_path):
    result = call("--delete", "runs/one")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert (tmp_path / "runs" / "one" / "recipe.yaml").exists()
    assert call("--delete").exit_code == 2


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_it_asks_before_it_deletes(call, tmp_path, monkeypatch, answer):
    monkeypatch.setattr("luthier.cli.runs._is_terminal", lambda: True)
    result = CliRunner().invoke(app, ["runs", "--delete", "runs/one"], input=f"{answer}\n")
    assert "Delete runs/one (" in result.stderr
    assert (tmp_path / "runs" / "one").exists() == (answer != "y")
    assert result.exit_code == 0


def test_yes_deletes(call, tmp_path):
    assert "Deleted 1 run" in call("--delete", "--yes", "runs/one").stdout
    assert not (tmp_path / "runs" / "one").exists()


def test_ages_are_in_their_largest_unit():
    now = datetime.now()
    ages = [timedelta(seconds=2), timedelta(minutes=90), timedelta(days=3)]
    assert [age_words(now - age) for age in ages] == ["2 s", "1 h", "3 d"]
    assert age_words(None) == "–"
