"""A bare application on the same model: one route, one text at a time, no queue and no limits."""

from __future__ import annotations

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import luthier


def main() -> None:
    """Serve the model in the folder that the command line names."""
    model = luthier.load(sys.argv[1])
    most = len(model.target.names)

    async def predict(request: Request) -> JSONResponse:
        text = (await request.json())["inputs"]
        return JSONResponse(await run_in_threadpool(model, text, top_k=most))

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", file=sys.stderr, flush=True)
    app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
