"""Models and data of a hub, and uploads to one: tried on a hub of our own, in new processes."""

import json
import os
import subprocess
import sys

import pytest

import luthier
from luthier.errors import RunError
from luthier.exporters.push import files_of, refuse_folders
from tests.hub import TOKEN, Hub
from tests.toys import toy_rows, toy_tree

TASK = "text-classification"
SECONDS = 120


@pytest.fixture
def hub():
    with Hub() as made:
        yield made


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    tree = toy_tree(
        TASK, tiny_model("bert"), training={"max_steps": 2, "eval_strategy": "no"}, baselines=[]
    )
    folder = tmp_path_factory.mktemp("hub") / "run"
    return luthier.run(tree, out=folder, data={"train": toy_rows(TASK)}).folder


def luthier_command(hub, home, *words, cwd=None, token=None, **more):
    environment = {**os.environ, **hub.environment(home), **more}
    environment.pop("HF_TOKEN", None)
    if token is not None:
        environment["HF_TOKEN"] = token
    command = [sys.executable, "-m", "luthier", *map(str, words)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        cwd=cwd,
        timeout=SECONDS,
        check=False,
    )


def files_in(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def as_csv():
    rows = toy_rows(TASK)
    lines = [f'"{text}",{label}' for text, label in zip(rows["text"], rows["label"], strict=True)]
    return "\n".join(["text,label", *lines, ""]).encode()


def recipe(tmp_path, **fields):
    tree = {
        "model": "ada/tiny",
        "task": TASK,
        "data": {"train": "hub:ada/rows"},
        "baselines": ["majority"],
        "training": {"max_steps": 2, "eval_strategy": "no"},
        **fields,
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def test_a_model_and_rows_of_the_hub_are_trained_and_then_read_without_it(
    hub, tiny_model, tmp_path
):
    hub.add("models", "ada/tiny", files_in(tiny_model("bert")))
    hub.add("datasets", "ada/rows", {"train.csv": as_csv()})
    hub.cut.add("model.safetensors")  # the first download of the weights breaks off
    path = recipe(tmp_path)
    done = luthier_command(hub, tmp_path / "home", "run", path, "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not hub.cut
    weights = [path for how, path in hub.asked if how == "GET" and "safetensors" in path]
    assert len(weights) == 2  # the second went on where the first broke off
    n_asked = len(hub.asked)
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    again = luthier_command(
        hub, tmp_path / "home", "run", path, "training.seed=1", "--quick", cwd=tmp_path, **offline
    )
    assert again.returncode == 0, again.stderr
    assert len(hub.asked) == n_asked


@pytest.mark.parametrize(
    ("refused", "fields", "words"),
    [
        ((401, "RepoNotFound"), {}, "ada/tiny"),
        ((403, "GatedRepo"), {}, "ada/tiny"),
        (None, {"model": {"name": "ada/tiny", "revision": "v9"}}, "v9"),
        (None, {"model": "ada/other"}, "ada/other"),
    ],
)
def test_what_the_hub_refuses_is_told(refused, fields, words, hub, tiny_model, tmp_path):
    hub.add("models", "ada/tiny", files_in(tiny_model("bert")))
    if refused:
        hub.refused["ada/tiny"] = refused
    (tmp_path / "rows.csv").write_bytes(as_csv())
    path = recipe(tmp_path, data={"train": "rows.csv"}, **fields)
    done = luthier_command(hub, tmp_path / "home", "run", path, "--quick", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert words in done.stderr


def test_a_run_is_pushed_whole_and_read_from_the_hub(hub, run, tmp_path):
    home = tmp_path / "home"
    done = luthier_command(hub, home, "push", run, "ada/pushed", "--private", token=TOKEN)
    assert done.returncode == 0, done.stderr
    there = hub.repositories["models", "ada/pushed"]
    assert hub.visibility == "private"
    assert there.keys() == {one.name for one in files_of(run)}
    for one in files_of(run):
        with open(one.path, "rb") as file:
            assert there[one.name] == file.read()
    assert f"{hub.url}/ada/pushed/commit/" in done.stdout
    assert not any(name.endswith((".jsonl", ".html", ".pt", "manifest.json")) for name in there)
    text = toy_rows(TASK)["text"][0]
    assert not any(text.encode() in content for content in there.values())


def test_a_dry_run_lists_the_files_and_sends_nothing(hub, run, tmp_path):
    done = luthier_command(hub, tmp_path, "push", run, "ada/pushed", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" in done.stdout
    assert "Nothing was sent" in done.stdout
    assert hub.asked == []


@pytest.mark.parametrize(
    ("token", "refused", "hint"),
    [
        (None, None, "hf auth login"),
        ("hf_of_another", None, "hf auth login"),
        (TOKEN, (403, "Forbidden"), "token that may write there"),
    ],
)
def test_a_push_that_is_refused_says_what_to_do(token, refused, hint, hub, run, tmp_path):
    if refused:
        hub.refused["ada/pushed"] = refused
    done = luthier_command(hub, tmp_path, "push", run, "ada/pushed", token=token)
    assert done.returncode == 2
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.repositories == {}


def test_a_hub_that_is_gone_leaves_everything(hub, run, tmp_path):
    gone = {"HF_ENDPOINT": "http://127.0.0.1:9"}
    done = luthier_command(hub, tmp_path, "push", run, "ada/pushed", token=TOKEN, **gone)
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr


@pytest.mark.parametrize("name", ["pushed", "a/b/c", "../x", "ada/", "ada/a b", "/ada/pushed"])
def test_a_name_that_is_none_is_refused(name, run):
    with pytest.raises(RunError, match="OWNER/NAME"):
        luthier.push(run, name, dry_run=True)


def test_a_folder_of_this_machine_never_goes(tmp_path):
    card = tmp_path / "model" / "README.md"
    card.parent.mkdir()
    card.write_text(f"trained on {tmp_path}/secret.csv", encoding="utf-8")
    with pytest.raises(RunError, match="names a folder of this machine") as caught:
        refuse_folders(card)
    assert "README.md" in caught.value.received
    card.write_text("trained on secret.csv", encoding="utf-8")
    refuse_folders(card)
