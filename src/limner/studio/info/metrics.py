"""The studio's metrics, in the text format of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one studio; each has a registry of its own, so that tests may run several."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "limner_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "limner_request_seconds", "From request to answer.", ["route"], buckets=SECONDS, registry=registry
        )
        self.waiting = Gauge("limner_waiting_pictures", "Pictures in the queue.", ["artist"], registry=registry)
        self.refused = Counter(
            "limner_refused", "Requests for which the queue was full.", ["artist"], registry=registry
        )
        self.dropped = Counter(
            "limner_dropped", "Requests whose client disconnected first.", ["artist"], registry=registry
        )
        self._pictures = Counter("limner_pictures", "Pictures drawn.", ["artist"], registry=registry)
        self._rows = Histogram(
            "limner_pass_rows", "Rows asked for in a forward pass.", ["artist"], buckets=ROWS, registry=registry
        )
        self._seconds = Histogram(
            "limner_pass_seconds", "Time of a forward pass.", ["artist"], buckets=SECONDS, registry=registry
        )

    def record_batch(self, artist: str, pictures: int, rows: int, seconds: float) -> None:
        """Count one forward pass."""
        self._pictures.labels(artist).inc(pictures)
        self._rows.labels(artist).observe(rows)
        self._seconds.labels(artist).observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics in the exposition format."""
        return generate_latest(self._registry)
