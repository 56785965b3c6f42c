"""The machine a run was computed on is described."""

import ast
import shlex
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

from luthier import environment
from luthier.tracking.follow import TRACKERS
from tests.architecture.source import FILES, ROOT, tree_of
from tests.architecture.test_fences import calls_in


def test_a_run_is_described_by_versions_machine_and_command():
    about = environment.describe()
    assert about["packages"]["torch"]
    assert about["cores"] >= 1
    assert about["memory_gib"] > 0


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [
        ('{"dir_info": {"editable": true}, "url": "file:///my/clone"}', "-e '/my/clone[demo]'"),
        ('{"dir_info": {}, "url": "file:///my%20clone"}', "'/my clone[demo]'"),
        (
            '{"vcs_info": {"vcs": "git"}, "url": "https://example.org/l"}',
            "'luthier[demo] @ git+https://example.org/l'",
        ),
        (
            '{"archive_info": {}, "url": "https://example.org/l.whl"}',
            "'luthier[demo] @ https://example.org/l.whl'",
        ),
        (None, "'luthier[demo]'"),
    ],
)
def test_an_extra_is_installed_from_where_luthier_came_from(recorded, wanted, monkeypatch):
    found = SimpleNamespace(read_text=lambda name: recorded)
    monkeypatch.setattr(environment, "distribution", lambda name: found)
    python = shlex.quote(sys.executable)
    assert environment.install_command("demo") == f"{python} -m pip install {wanted}"


def test_an_extra_has_a_command_even_if_luthier_was_never_installed(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(environment, "distribution", missing)
    assert environment.install_command("demo").endswith("pip install 'luthier[demo]'")


def test_every_hint_names_an_extra_that_exists():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [
        call.args[0]
        for path in FILES
        for _, name, call in calls_in(tree_of(path))
        if name.endswith(("install_command", ".needing")) and path.name != "environment.py"
    ]
    extras = [one.value for one in named if isinstance(one, ast.Constant)]
    assert [ast.unparse(one) for one in named if not isinstance(one, ast.Constant)] == ["to"]
    extras += TRACKERS  # what `to` is
    extras.append("train")  # which environment.py itself names
    assert (
        {"demo", "quantised", "serve", "tensorflow"}
        <= set(extras)
        <= set(about["optional-dependencies"])
    )
    by_hand = [path for path in FILES if "pip install 'luthier" in path.read_text("utf-8")]
    assert by_hand == []
