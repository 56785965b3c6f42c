"""The Dockerfile of an export: slim, without PyTorch, not root, with a health check and a token."""

import json
import re
import tomllib

import pytest

from luthier.exporters.docker import IGNORE, write_dockerfile
from tests.architecture.source import ROOT


@pytest.mark.parametrize(
    ("encoders", "extras"),
    [(None, "serve"), ({}, "serve"), ({"photo": "thumbnail"}, "serve,media")],
)
def test_the_image_serves_the_folder_and_holds_no_token(encoders, extras, tmp_path):
    about = {"tokenizer": {}, "config": {}, "encoders": encoders}
    (tmp_path / "model.json").write_text(json.dumps(about))
    path = write_dockerfile(tmp_path)
    lines = path.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    steps = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    named = {}
    for word, rest in steps:
        named.setdefault(word, []).append(rest)
    assert re.fullmatch(r"python:3\.\d+-slim", named["FROM"][0])
    assert named["USER"] == ["10001"]
    assert "/v2/health/ready" in named["HEALTHCHECK"][0]
    assert '"--token-file", "/run/secrets/token"' in named["CMD"][0]
    assert f"[{extras}]" in named["RUN"][0]
    assert "token" in (tmp_path / IGNORE).read_text().split()
    assert steps[-1][0] == "CMD"


def test_what_the_image_installs_holds_nothing_that_trains():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [
        re.split(r"[<>=\[ ]", one)[0]
        for one in (*project["dependencies"], *project["optional-dependencies"]["serve"])
    ]
    assert not {"torch", "transformers", "scipy", "scikit-learn", "datasets"} & set(names)
    assert {"onnxruntime", "tokenizers", "uvicorn"} <= set(names)
