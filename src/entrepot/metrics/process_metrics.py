"""The counters of one process: requests, bytes, runs of the queue, errors of the store.

What the database knows for all processes (the queue, accounts) is read from it when somebody asks
(`cli.metrics`), not counted here. docs/reference/metrics.md lists everything.
"""

from collections.abc import Sequence
from typing import NamedTuple

from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

REQUEST_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 600.0)
"""Bounds of a request's duration: from a cached download to a large upload."""
QUEUE_SECONDS = (0.05, 0.2, 1.0, 5.0, 20.0, 60.0, 300.0, 1800.0)
"""Bounds of what work waits, and of what it takes."""


class _RequestCounters(NamedTuple):
    requests: Counter
    seconds: Histogram
    received: Counter
    sent: Counter


class ProcessMetrics:
    """The counters of this process, in memory, or in files that another process reads
    (`metrics.shared_files`). Safe to share between threads.

    The values of labels are bounded: they come from routes, kinds of work and classes of errors,
    never from what a client sent.
    """

    def __init__(self) -> None:
        self._requests = Counter(
            "entrepot_http_requests",
            "Requests that were answered, by the route that answered them.",
            ("method", "route", "status"),
            registry=None,
        )
        self._request_seconds = Histogram(
            "entrepot_http_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("surface",),
            registry=None,
            buckets=REQUEST_SECONDS,
        )
        self._received = Counter(
            "entrepot_http_received_bytes",
            "Bytes of request bodies that were read.",
            ("surface",),
            registry=None,
        )
        self._sent = Counter(
            "entrepot_http_sent_bytes",
            "Bytes of answers' bodies; of whole files their size, even if the client left.",
            ("surface",),
            registry=None,
        )
        # A look by labels takes longer than counting.
        self._by_labels: dict[tuple[str, str, int], _RequestCounters] = {}
        self._queue_wait = Histogram(
            "entrepot_queue_wait_seconds",
            "Seconds from entering the queue to a worker's first claim.",
            ("kind",),
            registry=None,
            buckets=QUEUE_SECONDS,
        )
        self._run_seconds = Histogram(
            "entrepot_run_seconds",
            "Seconds that a run took in its place: an inspection, or small ones together.",
            ("kind",),
            registry=None,
            buckets=QUEUE_SECONDS,
        )
        self._runs = Counter(
            "entrepot_runs",
            "Runs of work from the queue, by how they ended.",
            ("kind", "outcome"),
            registry=None,
        )
        self._store_errors = Counter(
            "entrepot_store_errors",
            "Calls of the blob store that failed, by the class of the error.",
            ("operation", "error"),
            registry=None,
        )

    def describe(self) -> list[MetricWrapperBase]:
        """Every metric, for its documentation."""
        return [each for each in vars(self).values() if isinstance(each, MetricWrapperBase)]

    def count_requests(
        self,
        method: str,
        route: str,
        status: int,
        seconds: Sequence[float],
        received: int,
        sent: int,
    ) -> None:
        """Requests have ended, as many as there are `seconds`; `received` and `sent` are bytes of
        all of them. `status` is 0 if they were never answered."""
        labels = method, route, status
        counters = self._by_labels.get(labels)
        if counters is None:
            counters = self._by_labels[labels] = self._counters(method, route, status)
        counters.requests.inc(len(seconds))
        for each in seconds:
            counters.seconds.observe(each)
        if received:
            counters.received.inc(received)
        if sent:
            counters.sent.inc(sent)

    def _counters(self, method: str, route: str, status: int) -> "_RequestCounters":
        surface = surface_of(route)
        return _RequestCounters(
            self._requests.labels(method, route, str(status)),
            self._request_seconds.labels(surface),
            self._received.labels(surface),
            self._sent.labels(surface),
        )

    def observe_queue_wait(self, kind: str, seconds: float) -> None:
        """Work was claimed for the first time."""
        self._queue_wait.labels(kind).observe(max(0.0, seconds))

    def observe_run(self, kind: str, seconds: float) -> None:
        """A place of a worker is free again."""
        self._run_seconds.labels(kind).observe(seconds)

    def count_run(self, kind: str, outcome: str) -> None:
        """A run has ended its work (`ended`), or has not (`left`)."""
        self._runs.labels(kind, outcome).inc()

    def count_store_error(self, operation: str, error: BaseException) -> None:
        """A call of the store has failed."""
        self._store_errors.labels(operation, type(error).__name__).inc()


def surface_of(route: str) -> str:
    """`api`, `health`, `pages`, or `none` for a request that no route answered."""
    if route.startswith("/api/"):
        return "api"
    if route in ("/healthz", "/readyz"):
        return "health"
    return "pages" if route.startswith("/") else "none"
