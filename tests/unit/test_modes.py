"""Files have the modes that the user's umask leaves, whatever library wrote them."""

import os
import stat

import pytest

import luthier
from luthier.modes import give_usual_modes
from luthier.runs.checkpoints import Store
from tests.toys import toy_rows, toy_tree

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request):
    """Set a umask; give the modes that it leaves to files and folders."""
    before = os.umask(request.param)
    yield 0o666 & ~request.param, 0o777 & ~request.param
    os.umask(before)


def modes(folder):
    """Collect the modes of the files and of the folders."""
    found = {True: set(), False: set()}
    for path in (folder, *folder.rglob("*")):
        found[path.is_file()].add(stat.S_IMODE(path.stat().st_mode))
    return found[True], found[False]


def write_private(folder):
    (folder / "weights").touch(mode=0o600)


def test_private_files_become_usual_and_links_stay(tmp_path, umask):
    folder = tmp_path / "model"
    (folder / "adapter").mkdir(parents=True)
    write_private(folder / "adapter")
    (tmp_path / "elsewhere").touch(mode=0o400)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    give_usual_modes(folder)
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o400
    (folder / "link").unlink()
    assert modes(folder) == ({umask[0]}, {umask[1]})


def test_checkpoints_are_as_the_umask_says(tmp_path, umask):
    Store(tmp_path / "checkpoints").write(1, write_private, about={})
    assert modes(tmp_path / "checkpoints") == ({umask[0]}, {umask[1]})


@pytest.mark.parametrize("method", ["full", "lora", {"name": "lora", "options": {"merge": False}}])
def test_runs_and_exports_are_as_the_umask_says(method, tiny_model, tmp_path, umask):
    training = {"max_steps": 2, "save_steps": 1, "save_strategy": "steps", "save_total_limit": 2}
    tree = toy_tree(
        "text-classification", tiny_model("bert"), method=method, baselines=[], training=training
    )
    run = tmp_path / "run"
    luthier.run(tree, out=run, data={"train": toy_rows("text-classification")})
    luthier.export(run, tmp_path / "plain")
    assert any(run.glob("checkpoints/*/checkpoint-*/*.safetensors"))
    for folder in (run, tmp_path / "plain"):
        assert modes(folder) == ({umask[0]}, {umask[1]})
