"""Counts and times for Prometheus; no label ever holds what a user wrote."""

from __future__ import annotations

from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one server."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        named: Any = {"registry": self._registry, "namespace": "luthier"}
        self.requests = Counter(
            "requests", "Requests that were answered.", ["route", "status"], **named
        )
        self.rows = Counter("rows", "Rows that were answered.", **named)
        self.queue_tokens = Gauge("queue_tokens", "Tokens that wait.", **named)
        self.queue_seconds = Histogram(
            "queue_seconds", "Time of a row in the queue.", buckets=SECONDS, **named
        )
        self.model_seconds = Histogram(
            "model_seconds", "Time of a batch in the model.", buckets=SECONDS, **named
        )
        self.batch_rows = Histogram(
            "batch_rows", "Rows of a batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128), **named
        )
        self.padding = Histogram(
            "padding", "Share of a batch that is padding.", buckets=(0.05, 0.1, 0.2, 0.5), **named
        )
        self.cut_tokens = Counter("cut_tokens", "Tokens cut from texts, where asked.", **named)
        self.starts = Gauge("model_starts", "Times that the model's process was started.", **named)

    def text(self) -> bytes:
        """Write all of them as Prometheus reads them."""
        return generate_latest(self._registry)
