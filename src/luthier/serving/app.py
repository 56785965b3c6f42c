"""The server's routes, in the shapes that clients of other servers know. Next: `service.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from luthier import __version__
from luthier.serving import chat
from luthier.serving.described import openapi, try_page
from luthier.serving.guard import Guard
from luthier.serving.items import RefusedError
from luthier.serving.service import Service
from luthier.serving.shapes import (
    fields_of,
    parameters_of,
    rows_of,
    tensors_of,
    tensors_to_rows,
)

Answering = Callable[[Request], Awaitable[Response]]
OPEN = ("/health", "/v2/health/live", "/v2/health/ready")  # probes carry no token
CUT = "x-luthier-cut-tokens"
LISTED = ("text-classification", "translation", "summarization")  # text-generation is already


def refused(problem: RefusedError, path: str = "") -> JSONResponse:
    """Answer with a problem, as TEI writes it or, on its routes, OpenAI."""
    after = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    told: dict[str, Any] = {"error": problem.message, "error_type": problem.kind}
    if path.startswith("/v1/"):
        named = {"message": problem.message, "type": problem.kind, "param": None, "code": None}
        told = {"error": named}
    return JSONResponse(told, problem.status, headers=after)


class Routes:
    """What each route answers.

    Args:
        service: The model.
        guard: Who may ask.
        name: The model's name in protocols that have one.
    """

    def __init__(self, service: Service, guard: Guard, name: str):
        self.service, self.guard, self.name = service, guard, name

    async def predict(self, request: Request) -> Response:
        """Answer as TEI does: labels by falling score; a list for a list."""
        body = fields_of(await self.guard.read(request), ("inputs", "truncate", "raw_scores"))
        if body.get("raw_scores"):
            raise RefusedError(422, "validation", "raw_scores is false: scores are probabilities.")
        single, rows = rows_of(body.get("inputs"), self.service.about["roles"])
        options = self._all_labels()
        answers, cut = await self.service.answers(
            rows, options, truncate=bool(body.get("truncate"))
        )
        return _said(answers[0] if single else answers, cut)

    async def infer(self, request: Request) -> Response:
        """Answer as the Inference API does, in the shapes of pipelines."""
        body = fields_of(await self.guard.read(request), ("inputs", "parameters", "options"))
        about, asked = self.service.about, body.get("parameters")
        asked = dict(asked) if isinstance(asked, dict) else asked
        truncate = isinstance(asked, dict) and bool(asked.pop("truncation", False))
        options = self._all_labels() | parameters_of(asked, about["options"])
        single, rows = rows_of(body.get("inputs"), about["roles"])
        answers, cut = await self.service.answers(rows, options, truncate=truncate)
        is_listed = about["hub_task"] in LISTED  # also for one text
        return _said(answers[0] if single and not is_listed else answers, cut)

    def _all_labels(self) -> dict[str, Any]:
        about = self.service.about
        is_scored = "top_k" in about["options"] and about["labels"]
        return {"top_k": len(about["labels"])} if is_scored else {}

    async def explain(self, request: Request) -> Response:
        """Say which words spoke for the answer to one text."""
        body = fields_of(await self.guard.read(request), ("inputs", "by", "target"))
        single, rows = rows_of(body.get("inputs"), self.service.about["roles"])
        if not single:
            raise RefusedError(422, "validation", "One text is explained at a time.")
        if self.service.about["backend"] != "torch":
            raise RefusedError(404, "not_found", "An export has no gradients: serve the run.")
        options = {name: str(one) for name, one in body.items() if name != "inputs"}
        return JSONResponse(await self.service.explained(rows[0], options))

    async def health(self, request: Request) -> Response:
        """Say whether the model answers: 200, or 503 while it is loaded."""
        if self.service.model.is_ready:
            return JSONResponse({"status": "ready"})
        raise RefusedError(503, "unhealthy", "The model is being loaded.", retry_after=2)

    async def live(self, request: Request) -> Response:
        """Say that the server lives."""
        return JSONResponse({"live": True})

    async def info(self, request: Request) -> Response:
        """Describe the model and the server's limits."""
        about = {key: one for key, one in self.service.about.items() if key not in HIDDEN}
        return JSONResponse(
            {"version": __version__, "model_id": self.name, **about, **vars(self.service.limits)}
        )

    async def metrics(self, request: Request) -> Response:
        """Give counts and times to Prometheus."""
        metrics = self.service.metrics
        return Response(metrics.text(), headers={"Content-Type": metrics.content_type})

    async def openapi(self, request: Request) -> Response:
        """Describe the routes."""
        return JSONResponse(openapi(self.service.about))

    async def page(self, request: Request) -> Response:
        """Give a page on which the model can be tried."""
        html, policy = try_page(self.service.about, self.name)
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(html, headers=headers)

    async def server_metadata(self, request: Request) -> Response:
        """Describe the server in the Open Inference Protocol."""
        return JSONResponse({"name": "luthier", "version": __version__, "extensions": []})

    async def model_metadata(self, request: Request) -> Response:
        """Describe the model in the Open Inference Protocol."""
        self._known(request)
        about = self.service.about
        given = [{"name": one, "datatype": "BYTES", "shape": [-1]} for one in about["roles"]]
        labels = about["labels"]
        found = [{"name": "answer", "datatype": "BYTES", "shape": [-1]}]
        if labels and "top_k" in about["options"]:
            found = [
                {"name": "label", "datatype": "BYTES", "shape": [-1]},
                {"name": "score", "datatype": "FP32", "shape": [-1, len(labels)]},
            ]
        named = {"name": self.name, "versions": ["1"], "platform": f"luthier_{about['backend']}"}
        return JSONResponse({**named, "inputs": given, "outputs": found})

    async def model_ready(self, request: Request) -> Response:
        """Say whether the model answers, in the Open Inference Protocol."""
        self._known(request)
        await self.health(request)
        return JSONResponse({"name": self.name, "ready": True})

    async def tensors(self, request: Request) -> Response:
        """Answer in the Open Inference Protocol."""
        self._known(request)
        body, about = await self.guard.read(request), self.service.about
        rows = tensors_to_rows(body, about["roles"])
        answers, cut = await self.service.answers(rows, self._all_labels(), truncate=False)
        named = {"model_name": self.name, "model_version": "1"}
        if isinstance(body.get("id"), str):
            named["id"] = body["id"]
        return _said({**named, "outputs": tensors_of(answers, about["labels"])}, cut)

    def _known(self, request: Request) -> None:
        if request.path_params["model"] != self.name:
            raise RefusedError(404, "not_found", f"The model is {self.name}.")

    async def models(self, request: Request) -> Response:
        """List the one model, as OpenAI's API does."""
        one = {"id": self.name, "object": "model", "created": 0, "owned_by": "luthier"}
        return JSONResponse({"object": "list", "data": [one]})

    async def complete(self, request: Request) -> Response:
        """Go on with a conversation or a text, as OpenAI's API does."""
        is_chat = request.url.path.endswith("/chat/completions")
        if self.service.about["task"] != "causal-lm":
            raise RefusedError(404, "not_found", "This model writes no texts.")
        body = await self.guard.read(request)
        row, is_counted = chat.row_of(body), chat.is_counted(body)
        answers, _ = await self.service.answers([row], {"count_tokens": True}, truncate=False)
        text, n_read = chat.text_and_count(answers[0])
        if not is_chat:
            text = text.removeprefix(body["prompt"])
        written = self.service.first_tokens(text, n_read, chat.most_tokens(body))
        if body.get("stream"):
            events = chat.chunks(written, self.name, is_chat=is_chat, is_counted=is_counted)
            return StreamingResponse(events, media_type="text/event-stream")
        return JSONResponse(chat.completion(written, self.name, is_chat=is_chat))


HIDDEN = ("tokenizer", "process")  # paths and numbers of this machine


def _said(answer: Any, cut: int) -> JSONResponse:
    return JSONResponse(answer, headers={CUT: str(cut)} if cut else None)


def make_app(service: Service, guard: Guard, *, name: str) -> Starlette:
    """Make the application.

    Args:
        service: The model.
        guard: Who may ask.
        name: The model's name in protocols that have one.
    """
    routes = Routes(service, guard, name)
    model = "/v2/models/{model}"
    table: list[tuple[str, str, Answering]] = [
        ("GET", "/", routes.page),
        ("POST", "/", routes.infer),
        ("POST", "/predict", routes.predict),
        ("POST", "/explain", routes.explain),
        ("GET", "/health", routes.health),
        ("GET", "/info", routes.info),
        ("GET", "/metrics", routes.metrics),
        ("GET", "/openapi.json", routes.openapi),
        ("GET", "/v2", routes.server_metadata),
        ("GET", "/v2/health/live", routes.live),
        ("GET", "/v2/health/ready", routes.health),
        ("GET", model, routes.model_metadata),
        ("GET", f"{model}/ready", routes.model_ready),
        ("POST", f"{model}/infer", routes.tensors),
        ("GET", "/v1/models", routes.models),
        ("POST", "/v1/chat/completions", routes.complete),
        ("POST", "/v1/completions", routes.complete),
    ]

    def guarded(path: str, answering: Answering) -> Answering:
        async def answer(request: Request) -> Response:
            try:
                if path not in OPEN:
                    guard.check(request)
                found = await answering(request)
            except RefusedError as problem:
                found = refused(problem, path)
            service.metrics.requests.labels(path, str(found.status_code)).inc()
            return found

        return answer

    async def unknown(request: Request, problem: Exception) -> Response:
        status = problem.status_code if isinstance(problem, HTTPException) else 500
        kind = {404: "not_found", 405: "method_not_allowed"}.get(status, "backend")
        service.metrics.requests.labels("other", str(status)).inc()
        words = "There is no such route." if status == 404 else "The route takes another method."
        return refused(RefusedError(status, kind, words))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await service.stop()

    made = [Route(path, guarded(path, how), methods=[method]) for method, path, how in table]
    return Starlette(
        routes=made, exception_handlers={404: unknown, 405: unknown}, lifespan=lifespan
    )
