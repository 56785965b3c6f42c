"""A Dockerfile beside an export to ONNX: a slim image that serves it, without PyTorch."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from luthier import __version__
from luthier.environment import source_of_luthier
from luthier.onnx_models.description import read_description

FILE, IGNORE = "Dockerfile", ".dockerignore"
WHEEL = f"luthier-{__version__}-py3-none-any.whl"


def write_dockerfile(folder: Path) -> Path:
    """Write how an image is built that serves the model of a folder.

    Luthier itself comes as a wheel beside the Dockerfile, which its first lines say how to build.

    Args:
        folder: The folder of an export to ONNX.

    Returns:
        Path of the Dockerfile.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / IGNORE).write_text("token\nDockerfile\n", encoding="utf-8")
    path = folder / FILE
    extras = "serve,media" if read_description(folder).get("encoders") else "serve"
    path.write_text(_dockerfile(python, extras), encoding="utf-8")
    return path


def _dockerfile(python: str, extras: str) -> str:
    return f"""\
# In this folder, once:
#   pip wheel --no-deps --wheel-dir . {shlex.quote(source_of_luthier())}
#   docker build --tag model .
# Then, with a token of at least 16 characters in the file token:
#   docker run --read-only --tmpfs /tmp --publish 8080:8080 \\
#     --mount type=bind,source=$PWD/token,target=/run/secrets/token,readonly model
#   curl localhost:8080/predict -H "Authorization: Bearer $(cat token)" \\
#     -H 'Content-Type: application/json' -d '{{"inputs": "a text"}}'
FROM python:{python}-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
COPY {WHEEL} /tmp/
RUN pip install --no-compile "/tmp/{WHEEL}[{extras}]" \\
  && rm /tmp/{WHEEL} \\
  && useradd --system --uid 10001 --no-create-home model
COPY --chown=root:root . /model
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
"import urllib.request as r; r.urlopen('http://127.0.0.1:8080/v2/health/ready', timeout=2)"]
STOPSIGNAL SIGTERM
CMD ["luthier", "serve", "/model", "--host", "0.0.0.0", "--token-file", "/run/secrets/token"]
"""
