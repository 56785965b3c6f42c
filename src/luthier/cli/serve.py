"""`luthier serve`: a trained model over HTTP. See `app.py`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.predict import BackendOption
from luthier.cli.visible import visible
from luthier.errors import RunError


def serve(
    folder: Annotated[
        Path, typer.Argument(help="A run, or what was exported of it.", metavar="RUN")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token that clients give; needed beyond this machine."),
    ] = None,
    min_precision: Annotated[
        float | None,
        typer.Option(help='Answer "unsure" below the score that this needs; see luthier predict.'),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compute; default: all cores.")
    ] = None,
    backend: BackendOption = "auto",
    max_items: Annotated[int, typer.Option(min=1, help="Texts of a request.")] = 64,
    max_batch_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of a batch, padding included.")
    ] = 4096,
    max_queue_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens that may wait; beyond them: 429.")
    ] = 65_536,
    max_request_bytes: Annotated[
        int, typer.Option(min=1, help="Bytes of a request's body.")
    ] = 1_048_576,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a request may wait.")
    ] = 60.0,
) -> None:
    """Answer over HTTP, on this machine alone unless a token is set; Ctrl-C ends it."""
    from luthier.backends.kept import folder_for
    from luthier.serving.limits import Limits
    from luthier.serving.serve import serve as serve_model

    limits = Limits(max_items, max_batch_tokens, max_queue_tokens, timeout)

    def on_note(words: str) -> None:
        print(visible(words), file=sys.stderr, flush=True)

    def told(address: str, about: Mapping[str, Any]) -> None:
        what = f"{about['task']} of {folder} by {about['backend']}"
        print(visible(f"{what} answers at {address}"), file=sys.stderr, flush=True)
        roles = ", ".join(f'"{role}": "…"' for role in about["roles"])
        asked = f"curl {address}/predict -H 'Content-Type: application/json' -d "
        print(visible(asked + f"'{{\"inputs\": {{{roles}}}}}'"), file=sys.stderr, flush=True)

    serve_model(
        folder_for(folder, backend, on_note=on_note),
        host=host,
        port=port,
        limits=limits,
        max_request_bytes=max_request_bytes,
        token=None if token_file is None else read_token(token_file),
        threads=threads,
        min_precision=min_precision,
        backend=backend,
        name=folder.resolve().name,
        on_ready=told,
    )


def read_token(path: Path) -> str:
    """Read a token from its file.

    Raises:
        RunError: There is none, or it is too short to be one.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise RunError(
            "The token cannot be read.",
            received=f"--token-file {path}: {problem}",
            hint="a file with one line of at least 16 characters",
        ) from problem
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise RunError(
            "A token is one line of at least 16 plain characters.",
            received=f"--token-file {path}, {len(token)} characters",
            hint=f"openssl rand -hex 32 > {path}",
        )
    return token
