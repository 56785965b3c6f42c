"""Who may ask: known hosts and origins, a token where one is set, and requests of bounded size.

A page in a browser may not use a server on this machine: neither one of another origin, nor one
whose name was rebound to the loopback address.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from luthier.serving.items import RefusedError
from luthier.surrogates import without_surrogates

LOCAL = ("127.0.0.1", "localhost", "::1")
DEEPEST = 32  # levels of JSON


@dataclass(frozen=True)
class Guard:
    """What a request must be.

    Args:
        hosts: Names by which the server may be called; with a token, any.
        token: What `Authorization: Bearer` must give; None: nothing.
        max_bytes: Bytes of a body.
    """

    hosts: Collection[str]
    token: str | None
    max_bytes: int

    def check(self, request: Request) -> None:
        """Refuse a stranger.

        Raises:
            RefusedError: The host, the origin or the token is another one.
        """
        host = name_of(f"//{request.headers.get('host', '')}")
        if self.token is None and host not in self.hosts:
            raise RefusedError(403, "forbidden", "This server is not called by that Host.")
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise RefusedError(403, "forbidden", "Pages of another Origin may not ask.")
        if self.token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(
                given.encode(), self.token.encode()
            ):
                raise RefusedError(401, "unauthorized", "Authorization: Bearer TOKEN is needed.")

    async def read(self, request: Request) -> Any:
        """Read a body of JSON.

        Raises:
            RefusedError: It is too large, of another type, or no JSON.
        """
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if kind.lower() != "application/json":
            raise RefusedError(415, "validation", "Content-Type must be application/json.")
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self.max_bytes:
            raise self._too_large()
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self.max_bytes:
                raise self._too_large()
        try:
            found = json.loads(bytes(body), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as problem:
            raise RefusedError(422, "validation", "The body is not JSON in UTF-8.") from problem
        if depth_of(found) > DEEPEST:
            raise RefusedError(422, "validation", f"JSON of more than {DEEPEST} levels.")
        return without_surrogates(found)  # halves of characters are no text

    def _too_large(self) -> RefusedError:
        return RefusedError(413, "validation", f"A body has at most {self.max_bytes:,} bytes.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def depth_of(value: Any) -> int:
    """Return how many levels a value of JSON has."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


def name_of(url: str) -> str | None:
    """Return the host's name in a URL, without its port; None if it is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Return whether an address is of this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
