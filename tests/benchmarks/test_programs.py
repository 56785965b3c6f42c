"""Every measurement is found by its name, has a question and a protocol, and can be imported."""

import json
import sys
from importlib import import_module

import pytest

from benchmarks.__main__ import HERE, main, programs, question

NEED_ANOTHER_ENVIRONMENT = ("benchmarks.few_shot.setfit_arm", "benchmarks.serving.lit")
MODULES = sorted(
    ".".join(path.relative_to(HERE.parent).with_suffix("").parts) for path in HERE.rglob("*.py")
)


def typed(monkeypatch, *words):
    """Run the program with these words."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", *words])
    main()


@pytest.mark.parametrize("module", [one for one in MODULES if one not in NEED_ANOTHER_ENVIRONMENT])
def test_every_module_can_be_imported(module):
    assert import_module(module).__doc__


@pytest.mark.parametrize("name", [one for one in programs() if one != "torture"])
def test_every_measurement_has_a_protocol_with_its_command(name):
    page = HERE / name.replace("-", "_") / "README.md"
    assert f"make bench NAME={name}" in page.read_text(encoding="utf-8")


def test_without_a_name_all_are_listed_with_their_questions(monkeypatch, capsys):
    typed(monkeypatch)
    told = capsys.readouterr().out
    assert len(programs()) > 15
    assert [name for name, one in programs().items() if question(one) not in told] == []


def test_a_name_that_does_not_exist_is_answered_with_those_that_do(monkeypatch):
    with pytest.raises(SystemExit, match=r"no measurement 'speed'.*throughput, torture"):
        typed(monkeypatch, "speed")


@pytest.mark.parametrize("name", ["throughput", "torture"])
def test_the_words_after_a_name_are_the_measurements_own(monkeypatch, capsys, name):
    with pytest.raises(SystemExit) as ended:
        typed(monkeypatch, name, "--help")
    assert ended.value.code == 0
    assert f"usage: python -m benchmarks {name}" in capsys.readouterr().out


def test_without_a_gpu_its_measurement_says_so_and_leaves_with_2(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        typed(monkeypatch, "gpu")
    assert ended.value.code == 2
    assert "--device cpu --tiny" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler
def test_the_whole_measurement_for_a_gpu_runs_on_a_cpu(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    typed(monkeypatch, "gpu", "--device", "cpu", "--tiny")
    told = json.loads((tmp_path / "build/benchmarks/gpu.json").read_text("utf-8"))["rows"]
    assert [row for row in told if "failed" in row or "not measured" in row] == []
    assert {row["what"] for row in told} == {"correct", "bound", "speed", "prediction"}
    assert all(row["is the same"] for row in told if row["what"] == "correct")
    assert "| arm |" in capsys.readouterr().out
