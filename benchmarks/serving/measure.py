"""What does `luthier serve` do under load, and when things go wrong?"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luthier
from benchmarks.serving.client import Connection, closed_loop, open_loop, serving, watched

CLIENTS = 64
FILM = "the film was a long and quiet story about people who never met at all"
HOSTILE: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("POST", "/predict", b"", {}),
    ("POST", "/predict", b"{", {}),
    ("POST", "/predict", b"\xff" * 100, {}),
    ("POST", "/predict", b"[" * 50_000, {}),
    ("POST", "/predict", b'{"inputs": NaN}', {}),
    ("POST", "/predict", b'{"inputs": {"other": "x"}}', {}),
    ("POST", "/predict", b'{"inputs": [["a", "b", "c"]]}', {}),
    ("POST", "/predict", json.dumps({"inputs": "\ud800"}).encode(), {}),
    ("POST", "/predict", json.dumps({"inputs": "x" * 900_000}).encode(), {}),
    ("POST", "/predict", json.dumps({"inputs": ["x"] * 5_000}).encode(), {}),
    ("POST", "/predict", b'{"inputs": "x", "truncate": "maybe", "y": 1}', {}),
    ("POST", "/", b'{"inputs": "x", "parameters": {"top_k": "many"}}', {}),
    ("POST", "/", b'{"inputs": "x", "parameters": {"top_k": -1}}', {}),
    ("POST", "/", b'{"inputs": "x", "parameters": [1]}', {}),
    ("POST", "/explain", b'{"inputs": "x", "by": "nothing"}', {}),
    ("POST", "/v2/models/x/infer", b"{}", {}),
    ("POST", "/v1/chat/completions", b'{"messages": 1}', {}),
    ("GET", "/../../etc/passwd", b"", {}),
    ("GET", "/%00", b"", {}),
    ("DELETE", "/predict", b"", {}),
    ("POST", "/predict", b'{"inputs": "x"}', {"Content-Type": "text/html"}),
    ("POST", "/predict", b'{"inputs": "x"}', {"Host": "evil.example"}),
    ("POST", "/predict", b'{"inputs": "x"}', {"Origin": "http://evil.example"}),
    ("POST", "/predict", b'{"inputs": "x"}', {"Content-Length": "15", "X-Long": "y" * 20_000}),
]


def texts_of(run: str) -> list[str]:
    """Take the test rows of a run as texts; of an export, sentences of its own."""
    path = Path(run) / "predictions.jsonl"
    if not path.is_file():
        words = FILM.split()
        drawn = random.Random(0)
        return [" ".join(drawn.choices(words, k=drawn.randint(3, 30))) for _ in range(500)]
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line)["columns"]["text"] for line in lines][:2000]


def tell(part: str, words: str) -> None:
    """Print a finding at once."""
    print(f"{part}: {words}", flush=True)


class Measurement:
    """All parts on one model."""

    def __init__(self, folder: str, texts: list[str], share: float, python: str | None = None):
        self.folder, self.texts, self.share, self.python = folder, texts, share, python

    def n(self, whole: int) -> int:
        """Scale a count to the share that was asked for."""
        return max(1, round(whole * self.share))

    async def capacity(self, port: int) -> float:
        """Measure requests a second of clients that wait for their answers."""
        await closed_loop(port, self.texts, clients=8, seconds=2)
        return await closed_loop(port, self.texts, clients=16, seconds=max(2.0, 10 * self.share))

    async def v1(self) -> None:
        """Ask for ten times what can be answered."""
        async with serving(self.folder, "--max-queue-tokens", "4096") as server:
            rate = 10 * await self.capacity(server.port)
            before = server.megabytes()
            found = await open_loop(server.port, self.texts, rate=rate, seconds=60 * self.share)
            kinds = Counter(status for status, _, _ in found)
            bare = [one for one in found if one[0] in (429, 503) and "retry-after" not in one[2]]
            grown = server.megabytes() - before
        tell(
            "V1",
            f"{rate:,.0f} a second, {len(found):,} requests: {dict(kinds)}; without "
            f"Retry-After {len(bare)}; memory {before:,.0f} MiB and {grown:+,.0f}",
        )

    async def v2(self) -> None:
        """Ask mixed requests from many clients; count what is crossed; compare the metrics."""
        total = self.n(20_000)
        drawn = random.Random(1)
        asked = [
            [f"{text} {number}-{k}" for k, text in enumerate(drawn.choices(self.texts, k=size))]
            for number, size in enumerate(drawn.choices([1, 1, 2, 4], k=total))
        ]
        found: list[Any] = [None] * total
        async with serving(self.folder) as server:
            waiting = iter(range(total))

            async def client() -> None:
                connection = Connection(server.port)
                for number in waiting:
                    status, _, answer = await connection.predict(asked[number])
                    while status == 429:
                        await asyncio.sleep(0.05)
                        status, _, answer = await connection.predict(asked[number])
                    found[number] = (status, answer)
                await connection.close()

            await asyncio.gather(*(client() for _ in range(CLIENTS)))
            connection = Connection(server.port)
            _, _, metrics = await connection.ask("GET", "/metrics")
            await connection.close()
        model = luthier.load(self.folder)
        most = len(model.target.names)
        flat = [text for texts in asked for text in texts]
        alone = iter(model(flat, top_k=most))
        crossed, largest = 0, 0.0
        for texts, (_, answers) in zip(asked, found, strict=True):
            for _, served in zip(texts, answers, strict=True):
                mine = {one["label"]: one["score"] for one in next(alone)}
                theirs = {one["label"]: one["score"] for one in served}
                gap = max(abs(mine[label] - theirs.get(label, 9)) for label in mine)
                crossed += max(mine, key=mine.get) != max(theirs, key=theirs.get)  # type: ignore[arg-type]
                largest = max(largest, gap)
        kinds = Counter(status for status, _ in found)
        tell(
            "V2",
            f"{total:,} requests, {len(flat):,} texts, {CLIENTS} clients: {dict(kinds)}; "
            f"other labels {crossed}, scores differ by at most {largest:.1e}",
        )
        counted = re.search(rb'requests_total\{route="/predict",status="200"\} ([\d.]+)', metrics)
        rows = re.search(rb"luthier_rows_total ([\d.]+)", metrics)
        assert counted is not None
        assert rows is not None
        tell(
            "V6",
            f"metrics count {float(counted[1]):,.0f} of {kinds[200]:,} requests and "
            f"{float(rows[1]):,.0f} of {len(flat):,} texts",
        )

    async def v3(self) -> None:
        """Put a text that cannot be taken among others."""
        total, wrong = self.n(500), 0
        async with serving(self.folder) as server:
            connections = [Connection(server.port) for _ in range(8)]
            for _ in range(total):
                bad = {"inputs": {"nothing": "x"}}
                tasks = [
                    one.predict(text)
                    for one, text in zip(connections[1:], self.texts, strict=False)
                ]
                answers = await asyncio.gather(connections[0].ask("POST", "/predict", bad), *tasks)
                wrong += answers[0][0] != 422 or any(one[0] != 200 for one in answers[1:])
        tell("V3", f"{total} poisoned batches: {wrong} with another outcome")

    async def v4(self) -> None:
        """Kill the model's process."""
        total, dishonest, back = self.n(50), 0, []
        async with serving(self.folder) as server:
            connection = Connection(server.port)
            for number in range(total):
                await connection.predict(self.texts[number % len(self.texts)])
                os.kill(server.tree()[1].pid, signal.SIGKILL)
                began = time.perf_counter()
                await asyncio.sleep(0.02)
                live = await connection.ask("GET", "/v2/health/live")
                dishonest += live[0] != 200
                while (await connection.ask("GET", "/v2/health/ready"))[0] != 200:
                    await asyncio.sleep(0.02)
                status, _, _ = await connection.predict(self.texts[0])
                dishonest += status != 200
                back.append(time.perf_counter() - began)
        tell(
            "V4",
            f"{total} kills: {dishonest} times not live, or not answering once ready; back "
            f"after {statistics.median(back):.1f} s (median), {max(back):.1f} s (longest)",
        )

    async def v5(self) -> None:
        """End the server while it is asked."""
        total, lost, accepted = self.n(50), 0, 0
        for _ in range(total):
            async with serving(self.folder) as server:

                async def client(start: int, port: int = server.port) -> tuple[int, int]:
                    connection, answered = Connection(port), 0
                    while True:
                        try:
                            status, _, _ = await connection.predict(self.texts[start % 100])
                        except (ConnectionRefusedError, ConnectionResetError):
                            return answered, 0
                        except asyncio.IncompleteReadError as problem:
                            # an idle connection that is closed lost nothing
                            return answered, int(bool(problem.partial))
                        answered += status == 200

                tasks = [asyncio.create_task(client(number)) for number in range(16)]
                await asyncio.sleep(0.5)
                server.process.send_signal(signal.SIGTERM)
                for answered, cut in await asyncio.gather(*tasks):
                    accepted, lost = accepted + answered, lost + cut
        tell("V5", f"{total} SIGTERMs: {accepted:,} requests answered, {lost} answers cut off")

    async def s3(self) -> None:
        """Look which addresses the server's processes connect to."""
        with tempfile.TemporaryDirectory() as kept:
            environment = watched(Path(kept))
            before, os.environ["PYTHONPATH"] = (
                os.environ.get("PYTHONPATH"),
                environment["PYTHONPATH"],
            )
            try:
                async with serving(self.folder) as server:
                    connection = Connection(server.port)
                    for path in ("/info", "/metrics", "/openapi.json", "/", "/health", "/v2"):
                        await connection.ask("GET", path)
                    for text in self.texts[:100]:
                        await connection.predict(text)
                    for method, path, body, headers in HOSTILE:
                        try:
                            await connection.ask(method, path, body, headers)
                        except (ConnectionError, asyncio.IncompleteReadError):
                            await connection.close()
            finally:
                if before is None:
                    del os.environ["PYTHONPATH"]
                else:
                    os.environ["PYTHONPATH"] = before
            path = Path(kept) / "addresses.txt"
            lines = path.read_text().splitlines() if path.is_file() else []
        tell("S3", f"connections to elsewhere: {len(lines)} {lines[:3]}")

    async def s4(self) -> None:
        """Call by other names, and from other pages."""
        answered = 0
        names = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "")
        async with serving(self.folder) as server:
            connection = Connection(server.port)
            cases = [{"Host": name} for name in names]
            cases += [{"Origin": f"http://{name}"} for name in names] + [{"Origin": "null"}]
            for headers in cases:
                for path in ("/predict", "/", "/explain"):
                    status, _, _ = await connection.ask("POST", path, {"inputs": "x"}, headers)
                    answered += status != 403
        refused = subprocess.run(
            [sys.executable, "-m", "luthier", "serve", self.folder, "--host", "0.0.0.0"],
            capture_output=True,
            check=False,
        )
        tell(
            "S4",
            f"{answered} of {3 * len(cases)} foreign requests answered; --host 0.0.0.0 "
            f"without a token ends with {refused.returncode}",
        )

    async def s5(self) -> None:
        """Send what no client should."""
        total = self.n(10_000)
        kinds: Counter[Any] = Counter()
        async with serving(self.folder) as server:
            await closed_loop(server.port, self.texts, clients=8, seconds=2)

            async def client(waiting: Iterator[int]) -> None:
                connection = Connection(server.port)
                for number in waiting:
                    method, path, body, headers = HOSTILE[number % len(HOSTILE)]
                    try:
                        status, _, _ = await connection.ask(method, path, body, headers)
                        kinds[status] += 1
                    except (ConnectionError, asyncio.IncompleteReadError):
                        kinds["closed"] += 1
                        await connection.close()

            first = iter(range(16 * len(HOSTILE)))  # the largest bodies take memory once
            await asyncio.gather(*(client(first) for _ in range(16)))
            before, waiting = server.megabytes(), iter(range(total))
            kinds.clear()
            await asyncio.gather(*(client(waiting) for _ in range(16)))
            connection = Connection(server.port)
            healthy = (await connection.predict(self.texts[0]))[0]
            after = server.megabytes()
        tell(
            "S5",
            f"{total:,} hostile requests: {dict(kinds)}; then a good one: {healthy}; memory "
            f"{before:,.0f} MiB before, {after:,.0f} after ({after / before - 1:+.1%})",
        )

    async def latency(self) -> None:
        """Measure times from when a request was due."""
        async with serving(self.folder) as server:
            capacity = await self.capacity(server.port)
            for share in (0.5, 0.8, 1.2):
                found = await open_loop(
                    server.port, self.texts, rate=share * capacity, seconds=max(5, 20 * self.share)
                )
                times = sorted(seconds for status, seconds, _ in found if status == 200)
                cuts = [times[min(len(times) - 1, int(q * len(times)))] for q in (0.5, 0.95, 0.99)]
                said = ", ".join(f"{1e3 * one:,.1f}" for one in cuts)
                refused = sum(status == 429 for status, _, _ in found)
                tell(
                    "latency",
                    f"{share:.0%} of {capacity:,.0f} a second: p50, p95, p99 {said} ms; "
                    f"{len(times):,} answered, {refused:,} refused",
                )

    async def start(self) -> None:
        """Measure from the command to the first answer."""
        times = []
        for _ in range(5):
            began = time.perf_counter()
            async with serving(self.folder) as server:
                connection = Connection(server.port)
                await connection.predict(self.texts[0])
                times.append(time.perf_counter() - began)
                await connection.close()
        said = ", ".join(f"{one:.2f}" for one in times)
        tell("start", f"first answer after {said} s")

    async def bare(self) -> None:
        """Compare with a bare application, in turns."""
        await self.beside("bare", ("-m", "benchmarks.serving.bare", self.folder), sys.executable)

    async def litserve(self) -> None:
        """Compare with LitServe, in turns."""
        if self.python is None:
            sys.exit("litserve needs --python, a Python that has litserve")
        script = str(Path(__file__).with_name("lit.py"))
        await self.beside("litserve", (script, self.folder), self.python)

    async def beside(self, name: str, module: tuple[str, ...], python: str) -> None:
        """Compare requests a second with those of another server, in turns."""
        for clients in (1, 16):
            ratios = []
            for _ in range(5):
                rates = []
                for how, by in (((), sys.executable), (module, python)):
                    async with serving(self.folder, module=how, python=by) as server:
                        await closed_loop(server.port, self.texts, clients=clients, seconds=1)
                        rates.append(
                            await closed_loop(server.port, self.texts, clients=clients, seconds=4)
                        )
                ratios.append(rates[0] / rates[1])
                tell(name, f"{clients} clients: {rates[0]:,.0f} and {rates[1]:,.0f} a second")
            tell(name, f"{clients} clients: median ratio {statistics.median(ratios):.2f}")


PARTS = ("start", "V2", "V3", "V4", "V5", "V1", "S3", "S4", "S5", "latency", "bare", "litserve")


def main() -> None:
    """Run the parts that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__)
    parser.add_argument("--run", required=True, help="a finished run: its test rows are asked")
    parser.add_argument("--export", help="what is served, if it is an export of the run")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS[:-1])
    parser.add_argument("--share", type=float, default=1.0, help="share of the counts")
    parser.add_argument("--python", help="a Python that has litserve, for the part litserve")
    asked = parser.parse_args()
    texts = texts_of(asked.run)
    measurement = Measurement(asked.export or asked.run, texts, asked.share, asked.python)
    for part in PARTS:
        if part in asked.only:
            asyncio.run(getattr(measurement, part.lower())())


if __name__ == "__main__":
    main()
