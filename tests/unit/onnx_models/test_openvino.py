"""OpenVINO computes a graph as ONNX Runtime does, and tells nobody that it is used."""

import os
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from luthier.errors import ModelError, RecipeError
from luthier.onnx_models import openvino_session
from luthier.onnx_models.openvino_session import OpenvinoSession, require_openvino
from luthier.onnx_models.session import Session
from tests.architecture.source import loaded_by


@pytest.fixture
def graph(tmp_path):
    """Write a graph that adds what it read before, of any length, to what it reads."""
    ends = [helper.make_tensor_value_info("present.0.key", TensorProto.FLOAT, ["b", 2, "n", 3])]
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 2, axis, 3])
        for name, axis in (("past.0.key", "past"), ("new", "tokens"))
    ]
    node = helper.make_node("Concat", [one.name for one in given], ["present.0.key"], axis=2)
    made = helper.make_graph([node], "graph", given, ends)
    path = tmp_path / "model.onnx"
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def test_it_computes_the_same(graph):
    pytest.importorskip("openvino")
    ours, theirs = OpenvinoSession(graph), Session(graph)
    assert ours.outputs == theirs.outputs
    assert [one[1] for one in ours.shapes.values()] == [2, 2]
    for past in (0, 4):
        given = {
            "past.0.key": np.ones((5, 2, past, 3), dtype=np.float32),
            "new": np.zeros((5, 2, 1, 3), dtype=np.float32),
            "unread": np.zeros(1),
        }
        (one,), (other,) = (list(each(given).values()) for each in (ours, theirs))
        assert np.array_equal(one, other)
    assert ours.describe()["file"] == "model.onnx"


def test_what_it_cannot_read_is_named(tmp_path):
    pytest.importorskip("openvino")
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="OpenVINO cannot read"):
        OpenvinoSession(tmp_path / "model.onnx")


def test_its_use_is_reported_to_nobody(tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setenv("HOME", str(tmp_path))
    (loaded,) = loaded_by(
        "from luthier.onnx_models.openvino_session import require_openvino\n"
        "import sys\n"
        "require_openvino()\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )
    assert "openvino" in loaded
    assert os.listdir(tmp_path) == [], "its telemetry keeps an id in the home folder"


def test_it_is_named_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RecipeError, match="OpenVINO") as caught:
        require_openvino()
    assert "[openvino]" in caught.value.hint
    assert openvino_session.TELLS == "openvino_telemetry"
