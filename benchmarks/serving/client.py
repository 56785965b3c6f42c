"""Speaks HTTP to a server that it starts: plain sockets, so that the client costs little."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass
class Server:
    """A server in a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    started: float  # seconds until it said that it answers

    def tree(self) -> list[psutil.Process]:
        """Give the server's process and that of the model."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def megabytes(self) -> float:
        """Give the memory of both."""
        return sum(one.memory_info().rss for one in self.tree()) / 2**20


@asynccontextmanager
async def serving(
    folder: str, *options: str, module: tuple[str, ...] = (), python: str = sys.executable
) -> AsyncIterator[Server]:
    """Start a server, and end it."""
    began = time.perf_counter()
    command = module or (
        "-m",
        "luthier",
        "serve",
        folder,
        "--port",
        "0",
        "--threads",
        "1",
        *options,
    )
    process = await asyncio.create_subprocess_exec(python, *command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    first = (await process.stderr.readline()).decode()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
    if found is None:
        sys.exit(first + (await process.stderr.read()).decode())
    drain = asyncio.create_task(process.stderr.read())
    try:
        yield Server(process, int(found[1]), time.perf_counter() - began)
    finally:
        others = psutil.Process(process.pid).children(recursive=True)
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):  # LitServe does not end by itself
            await asyncio.wait_for(process.wait(), 10)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        for one in others:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        drain.cancel()


class Connection:
    """A connection that is kept open."""

    def __init__(self, port: int):
        self._port = port
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request and read its answer."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        named = {
            "Host": f"127.0.0.1:{self._port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            **(headers or {}),
        }
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in named.items())
        if self._ends is not None and self._ends[0].at_eof():
            await self.close()  # the server has closed it, as it stood idle
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._ends
        try:
            writer.write(head.encode("latin-1", "replace") + b"\r\n" + raw)
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            given = {}
            for line in lines[1:-2]:
                key, _, value = line.partition(":")
                given[key.lower()] = value.strip()
            found = await reader.readexactly(int(given.get("content-length", "0")))
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            raise
        if given.get("connection", "").lower() == "close":
            await self.close()
        return int(lines[0].split(" ")[1]), given, found

    async def predict(self, inputs: Any) -> tuple[int, dict[str, str], Any]:
        """Ask for labels."""
        status, headers, body = await self.ask("POST", "/predict", {"inputs": inputs})
        return status, headers, json.loads(body)

    async def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._ends is not None:
            self._ends[1].close()
            with suppress(ConnectionError):
                await self._ends[1].wait_closed()
        self._ends = None


async def open_loop(port: int, texts: list[str], *, rate: float, seconds: float) -> list[Any]:
    """Ask at fixed times, whatever has been answered.

    Returns:
        Status and seconds from the time when each request was due.
    """
    free: list[Connection] = []
    found: list[Any] = []
    began = time.perf_counter()

    async def one(due: float, text: str) -> None:
        connection = free.pop() if free else Connection(port)
        try:
            status, headers, _ = await connection.predict(text)
        except (ConnectionError, asyncio.IncompleteReadError) as problem:
            found.append((type(problem).__name__, time.perf_counter() - due, {}))
            return
        free.append(connection)
        found.append((status, time.perf_counter() - due, headers))

    tasks = []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due, texts[number % len(texts)])))
    await asyncio.gather(*tasks)
    for connection in free:
        await connection.close()
    return found


async def closed_loop(port: int, texts: list[str], *, clients: int, seconds: float) -> float:
    """Let clients ask one request after another; give the requests a second."""
    end = time.perf_counter() + seconds
    done = 0

    async def one(start: int) -> None:
        nonlocal done
        connection, number = Connection(port), start
        while time.perf_counter() < end:
            status, _, _ = await connection.predict(texts[number % len(texts)])
            done += status == 200
            number += clients
        await connection.close()

    await asyncio.gather(*map(one, range(clients)))
    return done / seconds


def watched(folder: Path) -> dict[str, str]:
    """Make an environment in which Python logs the addresses that its processes connect to."""
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"kept = {str(folder / 'addresses.txt')!r}\n"
        "def hook(event, given):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        told = repr(given[1:] if event != 'socket.getaddrinfo' else given)\n"
        "        handle = os.open(kept, os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "        os.write(handle, f'{event} {told}\\n'.encode()); os.close(handle)\n"
        "sys.addaudithook(hook)\n",
        encoding="utf-8",
    )
    return {**os.environ, "PYTHONPATH": str(folder)}
