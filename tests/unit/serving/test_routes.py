"""Each route answers in the shape that its clients know, and refuses with words and a status."""

import asyncio
import json

import pytest
from starlette.testclient import TestClient

from luthier.serving.app import make_app
from luthier.serving.guard import LOCAL, Guard
from luthier.serving.limits import Limits
from luthier.serving.service import Service
from tests.unit.serving.stand_in import Model

BOTH = [{"label": "good", "score": 0.75}, {"label": "hello", "score": 0.25}]


@pytest.fixture
def serving():
    """Serve a stand-in; give a client."""
    opened = []

    def make(*, token=None, max_bytes=100_000, limits=None, **about):
        service = Service(Model(**about), limits or Limits())
        app = make_app(service, Guard(LOCAL, token, max_bytes), name="model")
        client = TestClient(app, base_url="http://localhost")
        client.portal = client.__enter__().portal
        opened.append(client)
        client.portal.call(service.start)
        client.service = service
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


def test_predict_is_that_of_tei(serving):
    client = serving()
    assert client.post("/predict", json={"inputs": "hello"}).json() == BOTH
    assert client.post("/predict", json={"inputs": ["hello", "hello"]}).json() == [BOTH, BOTH]
    assert client.post("/predict", json={"inputs": {"text": "hello"}}).json() == BOTH


def test_the_root_is_that_of_the_inference_api(serving):
    client = serving()
    assert client.post("/", json={"inputs": "hello"}).json() == [BOTH]
    asked = {"inputs": "hello", "parameters": {"top_k": 1}}
    assert client.post("/", json=asked).json() == [BOTH[:1]]


def test_the_client_of_the_hub_is_answered(serving, monkeypatch):
    from huggingface_hub import InferenceClient

    client = serving()
    asking = InferenceClient(token="none")
    monkeypatch.setattr(
        asking,
        "_inner_post",
        lambda asked, **_: client.post("/", json=asked.json).content,
    )
    found = asking.text_classification("hello", model="http://localhost/")
    assert [one.label for one in found] == ["good", "hello"]


def test_the_open_inference_protocol_gives_labels_and_scores(serving):
    client = serving(labels=["good", "hello"])
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["hello", "hello"]}
    found = client.post("/v2/models/model/infer", json={"id": "7", "inputs": [tensor]}).json()
    assert found["id"] == "7"
    label, score = found["outputs"]
    assert (label["shape"], label["data"]) == ([2], ["good", "good"])
    assert (score["shape"], score["data"]) == ([2, 2], [0.75, 0.25, 0.75, 0.25])
    about = client.get("/v2/models/model").json()
    assert about["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert client.get("/v2/models/model/ready").json()["ready"] is True
    assert client.get("/v2/models/other").status_code == 404


def test_a_conversation_is_continued_as_openai_does(serving):
    client = serving(task="causal-lm", hub_task="text-generation", options=[])
    found = client.post("/v1/completions", json={"prompt": "once", "max_tokens": 9}).json()
    assert found["choices"][0]["text"] == " and so on"
    stream = client.post("/v1/completions", json={"prompt": "once", "stream": True}).text
    events = [line.removeprefix("data: ") for line in stream.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    assert json.loads(events[0])["choices"][0]["text"] == " and so on"
    assert client.get("/v1/models").json()["data"][0]["id"] == "model"
    for wrong in ({"n": 2}, {"temperature": 1.5}, {"logit_bias": {}}):
        refused = client.post("/v1/completions", json={"prompt": "a", **wrong})
        assert refused.status_code == 422
        assert next(iter(wrong)) in refused.json()["error"]["message"]


@pytest.fixture
def words(tmp_path):
    """Write a tokenizer that knows four words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate(["once", "and", "so", "on"])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="once"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("asked", "own", "text", "reason"),
    [
        ({"max_tokens": 2}, 8, " and so", "length"),
        ({"max_tokens": 3}, 8, " and so on", "stop"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, 8, " and so", "length"),
        ({}, 8, " and so on", "stop"),
        ({}, 3, " and so on", "length"),
    ],
)
def test_as_many_tokens_are_given_as_are_asked_for(serving, words, asked, own, text, reason):
    about = {"task": "causal-lm", "options": [], "tokenizer": words, "max_new_tokens": own}
    client = serving(**about)
    (found,) = client.post("/v1/completions", json={"prompt": "once", **asked}).json()["choices"]
    assert (found["text"], found["finish_reason"]) == (text, reason)
    streamed = client.post("/v1/completions", json={"prompt": "once", "stream": True, **asked}).text
    events = [json.loads(line.removeprefix("data: ")) for line in streamed.split("\n\n")[:2]]
    assert events[0]["choices"][0]["text"] == text
    assert events[1]["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(("asked", "written"), [({}, 3), ({"max_tokens": 2}, 2)])
def test_tokens_that_were_read_and_written_are_counted(serving, words, asked, written):
    client = serving(task="causal-lm", options=[], tokenizer=words)
    expected = {"prompt_tokens": 5, "completion_tokens": written, "total_tokens": 5 + written}
    asked = {"prompt": "once", **asked}
    assert client.post("/v1/completions", json=asked).json()["usage"] == expected
    asked |= {"stream": True, "stream_options": {"include_usage": True}}
    *_, last, done = client.post("/v1/completions", json=asked).text.split("\n\n")[:-1]
    assert done == "data: [DONE]"
    counted = json.loads(last.removeprefix("data: "))
    assert (counted["usage"], counted["choices"]) == (expected, [])


@pytest.mark.parametrize("wrong", ["yes", {"include_usage": 1}])
def test_options_of_a_stream_that_are_none_are_refused(serving, wrong):
    asked = {"prompt": "once", "stream": True, "stream_options": wrong}
    found = serving(task="causal-lm", options=[]).post("/v1/completions", json=asked)
    assert found.status_code == 422
    assert "include_usage is true or false" in found.json()["error"]["message"]


def test_without_a_tokenizer_nothing_is_counted(serving):
    client = serving(task="causal-lm", options=[])
    assert client.post("/v1/completions", json={"prompt": "once"}).json()["usage"] is None


@pytest.mark.parametrize("wrong", [{"max_tokens": 0}, {"max_tokens": "9"}, {"max_tokens": True}])
def test_what_is_no_number_of_tokens_is_refused(serving, wrong):
    client = serving(task="causal-lm", options=[])
    found = client.post("/v1/completions", json={"prompt": "once", **wrong})
    assert found.status_code == 422
    assert "max_tokens is a whole number" in found.json()["error"]["message"]


def test_without_a_tokenizer_fewer_tokens_are_refused(serving):
    client = serving(task="causal-lm", options=[])
    found = client.post("/v1/completions", json={"prompt": "once", "max_tokens": 2})
    assert found.status_code == 422
    assert "max_tokens is 8" in found.json()["error"]["message"]


def test_a_text_is_continued_as_the_inference_api_does(serving):
    client = serving(task="causal-lm", hub_task="text-generation", options=[])
    expected = [{"generated_text": "once and so on"}]
    assert client.post("/", json={"inputs": "once"}).json() == expected
    assert client.post("/", json={"inputs": ["once"]}).json() == [expected]
    found = client.post("/", json={"inputs": "once", "parameters": {"max_new_tokens": 5}})
    assert found.status_code == 422
    assert "no option, such as 'max_new_tokens'" in found.json()["error"]


def test_a_classifier_writes_no_texts(serving):
    asked = {"messages": [{"role": "user", "content": "hello"}]}
    assert serving().post("/v1/chat/completions", json=asked).status_code == 404


def test_an_answer_is_explained(serving):
    asked = {"inputs": "hello you", "by": "occlusion"}
    found = serving(backend="torch").post("/explain", json=asked).json()
    assert found == {"words": ["hello", "you"], "by": "occlusion"}
    assert serving(backend="onnx").post("/explain", json=asked).status_code == 404


@pytest.mark.parametrize(
    "parameters", [{"top_k": "many"}, {"top_k": -1}, {"top_k": True}, {"other": 1}, [1], "x"]
)
def test_a_parameter_that_answers_do_not_know_is_refused(parameters, serving):
    found = serving().post("/", json={"inputs": "hello", "parameters": parameters})
    assert found.status_code == 422


def test_half_a_character_is_replaced_as_elsewhere(serving):
    headers = {"Content-Type": "application/json"}
    found = serving().post("/predict", content=b'{"inputs": "a\\ud800"}', headers=headers)
    assert found.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"inputs": 5}, 422, "inputs is a text"),
        ({"inputs": []}, 422, "nothing to answer"),
        ({"inputs": [["a", "b", "c"]]}, 422, "each a text"),
        ({"inputs": ["a"] * 65}, 413, "a request has 64"),
        ({"inputs": "a", "colour": 1}, 422, "no field 'colour'"),
        ({"inputs": "a", "raw_scores": True}, 422, "raw_scores"),
        ({"inputs": "a " * 200}, 413, "the model reads 20"),
        ({"inputs": ["a", "a " * 200]}, 413, "Text 2 has"),
        ({"inputs": ["fine", "poison"]}, 422, "Text 2: This is poison."),
        ({"inputs": "x" * 200_000}, 413, "at most 100,000 bytes"),
        ([], 422, "JSON object"),
    ],
)
def test_what_cannot_be_answered_says_why(body, status, words, serving):
    found = serving().post("/predict", json=body)
    assert found.status_code == status
    assert words in found.json()["error"]
    assert found.json()["error_type"]


def test_a_text_is_cut_only_where_that_is_asked_for_and_it_is_told(serving):
    found = serving().post("/predict", json={"inputs": "a " * 200, "truncate": True})
    assert found.status_code == 200
    assert int(found.headers["x-luthier-cut-tokens"]) > 100


def test_a_task_with_windows_cuts_nothing(serving):
    assert (
        serving(has_windows=True).post("/predict", json={"inputs": "a " * 200}).status_code == 200
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"inputs": NaN}', b"[" * 100_00, b"[" * 40 + b"]" * 40]
)
def test_what_is_no_json_is_no_bug(body, serving):
    headers = {"Content-Type": "application/json"}
    assert serving().post("/predict", content=body, headers=headers).status_code == 422


def test_other_types_methods_and_routes_are_refused(serving):
    client = serving()
    headers = {"Content-Type": "text/plain"}
    assert client.post("/predict", content=b"{}", headers=headers).status_code == 415
    assert client.get("/predict").status_code == 405
    assert client.get("/nowhere").json()["error_type"] == "not_found"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "0.0.0.0", ""])
def test_another_host_is_refused(host, serving):
    found = serving().post("/predict", json={"inputs": "a"}, headers={"Host": host})
    assert found.status_code == 403


def test_a_page_of_another_origin_is_refused_and_our_own_is_not(serving):
    client = serving()
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://localhost", 200)):
        headers = {"Origin": origin}
        found = client.post("/predict", json={"inputs": "a"}, headers=headers)
        assert found.status_code == status, origin


def test_a_token_is_asked_for_but_by_probes(serving):
    client = serving(token="0123456789abcdef")
    assert client.get("/health").status_code == 200
    assert client.get("/info").status_code == 401
    assert client.get("/info", headers={"Authorization": "Bearer wrong"}).status_code == 401
    given = {"Authorization": "Bearer 0123456789abcdef", "Host": "models.example"}
    assert client.get("/info", headers=given).status_code == 200


def test_a_model_that_is_gone_is_not_ready_while_the_server_lives(serving):
    client = serving()
    client.service.model.start = lambda: asyncio.sleep(0)
    client.service.model.is_ready = False
    found = client.get("/health")
    assert (found.status_code, found.headers["Retry-After"]) == (503, "2")
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/v2/health/live").status_code == 200
    assert client.post("/predict", json={"inputs": "a"}).status_code == 503


def test_metrics_count_requests_and_hold_no_text(serving):
    client = serving()
    for _ in range(3):
        client.post("/predict", json={"inputs": "secret words"})
    client.post("/predict", json={"inputs": 1})
    text = client.get("/metrics").text
    assert 'luthier_requests_total{route="/predict",status="200"} 3.0' in text
    assert 'luthier_requests_total{route="/predict",status="422"} 1.0' in text
    assert "luthier_rows_total 3.0" in text
    assert "secret" not in text


def test_the_server_describes_itself_without_paths(serving):
    client = serving(tokenizer="/home/ada/model")
    assert "/home/ada" not in client.get("/info").text
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert {"/predict", "/", "/health", "/metrics"} <= set(described["paths"])


def test_the_page_runs_its_own_script_alone(serving):
    found = serving(roles=["<b>text"]).get("/")
    assert "&lt;b&gt;text" in found.text
    assert "<b>text" not in found.text
    policy = found.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
