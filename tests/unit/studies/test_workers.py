"""Where runs of a study are made is checked before any of them begins."""

import sys
from threading import Thread

import pytest

from luthier.errors import ArgumentError, RecipeError, RunError
from luthier.recipe.yaml_text import write_yaml
from luthier.runs import RunFolder
from luthier.studies.jobs import RECIPE_FILE, Command
from luthier.studies.ray_jobs import STOPPED, UNSEEN, ray_cluster, run_there
from luthier.studies.workers import Workers
from tests.toys import toy_rows, toy_tree, write_csv


def command(place, recipe):
    words = ("luthier", "run", RECIPE_FILE, "--quiet", "--out", str(place))
    return Command(words, place, recipe)


def test_one_run_after_the_other_needs_no_workers():
    assert Workers().is_one
    assert Workers(n=1).is_one
    assert not Workers(n=2).is_one
    assert not Workers("ray").is_one
    assert not Workers("ray", 1).is_one


def test_another_place_is_refused():
    with pytest.raises(ArgumentError, match=r"(?s)--on rai.*ray"):
        Workers("rai")


@pytest.mark.parametrize("n", [0, -1])
def test_fewer_than_one_at_once_is_refused(n):
    with pytest.raises(ArgumentError, match=rf"(?s)At least one.*jobs={n}"):
        Workers.of(n)


def test_a_number_is_one_of_processes():
    assert Workers.of(2) == Workers("processes", 2)
    assert Workers.of(Workers("ray", 2)) == Workers("ray", 2)


def test_ray_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(RecipeError, match=r"(?s)not installed.*ray\]"),
        ray_cluster(Workers("ray")),
    ):
        pass


def test_a_cluster_is_joined_and_never_started(monkeypatch):
    pytest.importorskip("ray")

    def find_none(**given):
        assert given["address"] == "auto"
        raise ConnectionError("none is found\nhere")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray.init", find_none)
    with (
        pytest.raises(RunError, match=r"(?s)no Ray cluster.*ray start --head"),
        ray_cluster(Workers("ray")),
    ):
        pass


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path):
    code, said = run_there(command(tmp_path / "absent" / "run", "model: m"), str(tmp_path), "stop")
    assert code == UNSEEN
    assert "does not see the study's folder" in said
    assert "--out on a file system that all machines share" in said


def test_a_run_that_fails_there_says_why(tmp_path):
    asked = command(tmp_path / "run", "model: m\ntask: nothing\n")
    code, said = run_there(asked, str(tmp_path), "no/stop")
    assert code == 2
    assert "Error:" in said


def test_a_run_that_is_asked_to_end_before_it_begins_is_not_begun(tmp_path):
    (tmp_path / "stop").touch()
    given = (command(tmp_path / "run", "model: m"), str(tmp_path), str(tmp_path / "stop"))
    assert run_there(*given) == (STOPPED, "")


def test_a_run_that_is_asked_to_end_saves_itself(tiny_model, tmp_path):
    training = {"max_steps": 100_000, "use_cpu": True, "save_strategy": "steps", "save_steps": 5}
    tree = toy_tree("text-classification", tiny_model("bert"), baselines=[], training=training)
    write_csv(toy_rows("text-classification"), tmp_path / "rows.csv")
    tree["data"]["train"] = str(tmp_path / "rows.csv")
    found = []
    stop = tmp_path / "stop"
    given = (command(tmp_path / "run", write_yaml(tree)), str(tmp_path), str(stop))
    there = Thread(target=lambda: found.append(run_there(*given)))
    there.start()
    while there.is_alive() and not [*tmp_path.glob("run/checkpoints/*")]:
        there.join(0.2)
    stop.touch()
    there.join()
    assert found[0][0] == STOPPED
    assert RunFolder(tmp_path / "run").reached == "interrupted"
