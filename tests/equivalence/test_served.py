"""A run over HTTP, in processes of their own: it answers as the run does, and survives."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import luthier
from tests.toys import toy_rows, toy_tree

HEADERS = {"Content-Type": "application/json"}
SECONDS = 60


@pytest.fixture(scope="module")
def run(tiny_model, tmp_path_factory):
    task = "text-classification"
    training = {"max_steps": 4, "eval_strategy": "no"}
    tree = toy_tree(task, tiny_model("bert"), training=training, baselines=[])
    folder = tmp_path_factory.mktemp("served") / "run"
    return luthier.run(tree, out=folder, data={"train": toy_rows(task)}).folder


@pytest.fixture
def serving(run):
    """Start a server; give its process and port."""
    command = [sys.executable, "-m", "luthier", "serve", run, "--port", "0", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    first = process.stderr.readline()
    found = re.search(r"answers at http://127\.0\.0\.1:(\d+)", first)
    assert found, first + process.stderr.read()
    yield process, int(found[1])
    process.terminate()
    process.wait(SECONDS)
    process.stderr.close()


def ask(port, method="GET", path="/health", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), HEADERS)
        found = connection.getresponse()
        return found.status, json.loads(found.read())
    finally:
        connection.close()


def predicted(port, text):
    return ask(port, "POST", "/predict", {"inputs": text})


def process_of(port):
    """Find the process with the model: a child of the server's."""
    server = next(
        one for one in psutil_children() if any(c.laddr.port == port for c in one.net_connections())
    )
    return server.children()[0]


def psutil_children():
    import psutil

    return psutil.Process().children()


def test_clients_at_once_are_answered_as_the_run_answers_alone(serving, run):
    _, port = serving
    texts = [f"{text} {n}" for n, text in enumerate(toy_rows("text-classification")["text"])]
    with ThreadPoolExecutor(8) as pool:
        served = list(pool.map(lambda text: predicted(port, text), texts))
    expected = luthier.load(run)(texts, top_k=3)
    for (status, answer), alone in zip(served, expected, strict=True):
        assert status == 200
        assert [one["label"] for one in answer] == [one["label"] for one in alone]
        assert [one["score"] for one in answer] == pytest.approx(
            [one["score"] for one in alone], abs=1e-5
        )


def test_a_model_that_is_killed_is_started_again(serving):
    _, port = serving
    assert predicted(port, "the soup")[0] == 200
    os.kill(process_of(port).pid, signal.SIGKILL)
    assert ask(port, path="/v2/health/live")[0] == 200
    deadline = time.monotonic() + SECONDS
    while predicted(port, "the soup")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ask(port)[0] == 200


def test_what_was_accepted_is_answered_before_the_server_ends(serving):
    process, port = serving
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS) for _ in range(8)]
    body = json.dumps({"inputs": ["the soup and the rain"] * 60})
    for one in connections:
        one.request("POST", "/predict", body, HEADERS)
    time.sleep(0.05)  # they are being read, or answered
    process.send_signal(signal.SIGTERM)
    for one in connections:
        found = one.getresponse()
        assert found.status == 200
        assert len(json.loads(found.read())) == 60
        one.close()
    process.wait(SECONDS)
    with pytest.raises(OSError):  # noqa: PT011, any of them
        ask(port)


@pytest.mark.parametrize(
    ("options", "expected", "hint"),
    [
        (["--host", "0.0.0.0"], "asks for a token", "--token-file"),
        (["--token-file", "nowhere"], "token cannot be read", "16 characters"),
    ],
)
def test_what_cannot_be_served_says_so_before_anything_is_loaded(options, expected, hint, run):
    command = [sys.executable, "-m", "luthier", "serve", run, "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert expected in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_run_is_named(tmp_path):
    command = [sys.executable, "-m", "luthier", "serve", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 2
    assert "no run in this folder" in done.stderr
