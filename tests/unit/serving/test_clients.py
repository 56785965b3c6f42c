"""Clients of other servers are answered unchanged, over a socket."""

import asyncio
import threading

import pytest
import uvicorn
from huggingface_hub import InferenceClient

from luthier.serving.app import make_app
from luthier.serving.guard import LOCAL, Guard
from luthier.serving.limits import Limits
from luthier.serving.serve import listen
from luthier.serving.service import Service
from tests.unit.serving.stand_in import Model

WRITES = {"task": "causal-lm", "hub_task": "text-generation", "options": [], "labels": []}


@pytest.fixture
def serving():
    """Serve a stand-in on a port of its own; give its address."""
    ends = []

    def start(**about):
        listening, ready = listen("127.0.0.1", 0), threading.Event()
        servers = []

        async def run():
            service = Service(Model(**about), Limits())
            app = make_app(service, Guard(LOCAL, None, 100_000), name="model")
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
            servers.append(server)
            await service.start()
            listening.listen()
            ready.set()
            await server.serve(sockets=[listening])

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert ready.wait(10)
        ends.append((servers[0], thread, listening))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread, listening in ends:
        server.should_exit = True
        thread.join(10)
        listening.close()


def test_the_inference_client_reads_labels(serving):
    client = InferenceClient(model=serving())
    found = client.text_classification("hello")
    assert [(one.label, one.score) for one in found] == [("good", 0.75), ("hello", 0.25)]
    assert len(client.text_classification("hello", top_k=1)) == 1


def test_the_inference_client_reads_what_is_written(serving):
    address = serving(**WRITES)
    assert InferenceClient(model=address).text_generation("once") == "once and so on"
    client = InferenceClient(base_url=address)
    asked = [{"role": "user", "content": "once"}]
    assert client.chat_completion(asked).choices[0].message.content == "and so on"
    parts = client.chat_completion(asked, stream=True)
    assert "".join(one.choices[0].delta.content or "" for one in parts) == "and so on"


def test_the_client_of_openai_reads_what_is_written(serving):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=serving(**WRITES) + "/v1", api_key="none")
    (model,) = [one.id for one in client.models.list()]
    asked = [{"role": "user", "content": "once"}]
    found = client.chat.completions.create(model=model, messages=asked, max_tokens=16)
    assert found.choices[0].message.content == "and so on"
    assert found.usage is None  # nothing here counts tokens
    written = client.completions.create(model=model, prompt="once", stream=True)
    assert "".join(one.choices[0].text for one in written) == " and so on"
    with pytest.raises(openai.UnprocessableEntityError, match="temperature"):
        client.completions.create(model=model, prompt="once", temperature=0.9)
