"""Runs the server until it is asked to stop; what was accepted by then is answered first."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luthier.environment import needing
from luthier.errors import RunError
from luthier.serving.beside import ModelBeside

if TYPE_CHECKING:
    from luthier.serving.limits import Limits


def serve(
    folder: Path,
    *,
    host: str,
    port: int,
    limits: Limits,
    max_request_bytes: int,
    token: str | None,
    threads: int | None,
    min_precision: float | None = None,
    backend: str = "auto",
    name: str | None = None,
    on_ready: Any,
) -> None:
    """Serve a model until SIGTERM or Ctrl-C.

    Args:
        folder: A run, a checkpoint or an export.
        host: Address to listen on.
        port: Port to listen on; 0: any that is free.
        limits: What is taken at once.
        max_request_bytes: Bytes of a request's body.
        token: What clients must give; None: nothing, on this machine alone.
        threads: Threads that compute.
        min_precision: The share of answers that are to be right, as `luthier.load` takes it.
        backend: What computes; see `luthier.load`.
        name: The model's name in protocols that have one; None: that of the folder.
        on_ready: Called with the address once the model answers.

    Raises:
        RunError: The model cannot be loaded, the port is taken, or a token is needed.
        RecipeError: A package is not installed.
    """
    with needing("serve", "A server needs packages that are not installed."):
        import uvicorn

        from luthier.serving.app import make_app
        from luthier.serving.guard import LOCAL, Guard, is_loopback
        from luthier.serving.service import Service

    if token is None and not is_loopback(host):
        raise RunError(
            "A server that others can reach asks for a token.",
            received=f"--host {host} without --token-file",
            hint=f"--host {host} --token-file FILE, or --host 127.0.0.1",
        )

    async def run() -> None:
        model = ModelBeside(folder, threads=threads, min_precision=min_precision, backend=backend)
        service = Service(model, limits)
        listening = listen(host, port)
        await service.start()
        try:
            guard = Guard((*LOCAL, host), token, max_request_bytes)
            app = make_app(service, guard, name=name or folder.resolve().name)
            config = uvicorn.Config(
                app,
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=30,
                h11_max_incomplete_event_size=65_536,
            )
            server = uvicorn.Server(config)
            listening.listen(config.backlog)  # who comes now waits for a moment
            on_ready(f"http://{host}:{listening.getsockname()[1]}", service.about)
            await server.serve(sockets=[listening])
        finally:
            await service.stop()

    asyncio.run(run())


def listen(host: str, port: int) -> socket.socket:
    """Open a socket.

    Raises:
        RunError: The port is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else answers wait 40 ms
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as problem:
        made.close()
        raise RunError(
            "The server cannot listen there.",
            received=f"--host {host} --port {port}: {problem.strerror}",
            hint="--port 0, which takes one that is free",
        ) from problem
    return made
