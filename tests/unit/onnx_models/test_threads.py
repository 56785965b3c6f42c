"""How many threads compute an exported model, and whether they wait busily."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from luthier import environment
from luthier.environment import threads_to_use, usable_cores
from luthier.onnx_models.model import OnnxModel
from luthier.onnx_models.writer import OnnxWriter


@pytest.mark.parametrize(("asked", "found"), [("3", 3), ("4,2", 4), (" 2 ", 2)])
def test_the_environment_says_how_many(asked, found, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads_to_use() == found


@pytest.mark.parametrize("asked", ["", "0", "-1", "many"])
def test_what_is_no_number_of_threads_is_not_gone_by(asked, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(environment, "usable_cores", lambda: 7)
    assert threads_to_use() == 7


def test_without_a_word_each_usable_core_has_one(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads_to_use() == usable_cores()


@pytest.mark.parametrize(
    ("kind", "given", "n_threads", "spinning"),
    [(OnnxModel, {}, 3, "1"), (OnnxModel, {"n_threads": 2}, 2, "1"), (OnnxWriter, {}, 3, "0")],
)
def test_sessions_are_opened_so(kind, given, n_threads, spinning, monkeypatch):
    runtime = pytest.importorskip("onnxruntime")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    seen = []

    def opened(path, options, providers):
        seen.append(options)
        return SimpleNamespace(get_outputs=list, get_inputs=list)

    monkeypatch.setattr(runtime, "InferenceSession", opened)
    settings = ({},) if kind is OnnxWriter else ()
    kind(Path("nowhere"), *settings, **given)
    (options,) = seen
    assert options.intra_op_num_threads == n_threads
    entry = "session.intra_op.allow_spinning"
    assert options.get_session_config_entry(entry) == spinning
