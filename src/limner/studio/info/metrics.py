"""What is counted, in the text that Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64)


class Meters:
    """The meters of one studio; each has a registry of its own, so that tests may run several."""

    def __init__(self) -> None:
        self._registry = every = CollectorRegistry()
        self.answered = Counter("limner_requests", "Requests answered.", ["method", "route", "status"], registry=every)
        self.seconds = Histogram(
            "limner_request_seconds", "From request to answer.", ["route"], buckets=SECONDS, registry=every
        )
        self.waiting = Gauge("limner_waiting_pictures", "Pictures in the queue.", ["artist"], registry=every)
        self.refused = Counter("limner_refused", "Requests for which the queue was full.", ["artist"], registry=every)
        self.dropped = Counter("limner_dropped", "Requests whose client went away first.", ["artist"], registry=every)
        self._pictures = Counter("limner_pictures", "Pictures drawn.", ["artist"], registry=every)
        self._rows = Histogram(
            "limner_pass_rows", "Rows asked for in a pass.", ["artist"], buckets=ROWS, registry=every
        )
        self._took = Histogram("limner_pass_seconds", "Time of a pass.", ["artist"], buckets=SECONDS, registry=every)

    def drew(self, artist: str, pictures: int, rows: int, seconds: float) -> None:
        """Count one pass."""
        self._pictures.labels(artist).inc(pictures)
        self._rows.labels(artist).observe(rows)
        self._took.labels(artist).observe(seconds)

    def text(self) -> bytes:
        """Return all meters in the exposition format."""
        return generate_latest(self._registry)
