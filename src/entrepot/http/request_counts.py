"""Count requests by the route that answered them."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import Scope

from entrepot.http.api.openapi.document import api_routes
from entrepot.http.methods import METHODS
from entrepot.metrics.process_metrics import ProcessMetrics

NO_ROUTE = "none"
"""The route of a request that was refused before one was looked for, or for which there is none."""


@dataclass(slots=True)
class _Ended:
    """Requests that have ended and are not counted yet."""

    seconds: list[float] = field(default_factory=list)
    received: int = 0
    sent: int = 0


class RequestCounts:
    """Counts requests that have ended, for an app that has all its routes.

    They are counted together by `flush`: each counter has a lock, and may lie in a file. A route is
    found by its function, which Starlette leaves in the scope. Use it from the event loop's thread.
    """

    def __init__(self, app: FastAPI, metrics: ProcessMetrics) -> None:
        self._metrics = metrics
        self._paths = {route.endpoint: str(route.path) for route in api_routes(app)}
        self._ended: dict[tuple[str, Any, int], _Ended] = {}

    def add(self, scope: Scope, status: int, seconds: float, received: int, sent: int) -> None:
        """A request has ended, with the answer's status, after some seconds; `received` and `sent`
        are bytes."""
        # A client may send any word as its method: labels are bounded.
        method = scope["method"] if scope["method"] in METHODS else "other"
        labels = method, scope.get("endpoint"), status
        some = self._ended.get(labels)
        if some is None:
            some = self._ended[labels] = _Ended()
        some.seconds.append(seconds)
        some.received += received
        some.sent += sent

    def flush(self) -> None:
        """Count what has ended since the last time."""
        for (method, endpoint, status), some in self._ended.items():
            self._metrics.count_requests(
                method,
                self._paths.get(endpoint, NO_ROUTE),
                status,
                some.seconds,
                some.received,
                some.sent,
            )
        self._ended.clear()
