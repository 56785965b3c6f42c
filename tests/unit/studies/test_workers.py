"""Where runs of a study are made is checked before any of them begins."""

import sys

import pytest

from luthier.errors import ArgumentError, RecipeError, RunError
from luthier.studies.ray_jobs import UNSEEN, ray_cluster, run_there
from luthier.studies.workers import Workers


def test_one_run_after_the_other_needs_no_workers():
    assert Workers().is_one
    assert Workers(n=1).is_one
    assert not Workers(n=2).is_one
    assert not Workers("ray").is_one
    assert not Workers("ray", 1).is_one


def test_another_place_is_refused():
    with pytest.raises(ArgumentError, match=r"(?s)--on rai.*ray"):
        Workers("rai")


def test_ray_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(RecipeError, match=r"(?s)not installed.*ray\]"),
        ray_cluster(Workers("ray")),
    ):
        pass


def test_a_cluster_is_joined_and_never_started(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with (
        pytest.raises(RunError, match=r"(?s)no Ray cluster.*ray start --head"),
        ray_cluster(Workers("ray")),
    ):
        pass


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    code, said = run_there("model: m", str(tmp_path / "absent" / "run"), str(tmp_path))
    assert code == UNSEEN
    assert "does not see the study's folder" in said
    assert "--out on a file system that all machines share" in said


def test_a_run_that_fails_there_says_why(tmp_path):
    code, said = run_there("model: m\ntask: nothing\n", str(tmp_path / "run"), str(tmp_path))
    assert code == 2
    assert "Error:" in said
