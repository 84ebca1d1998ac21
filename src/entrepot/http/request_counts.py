"""Count requests by the route that answered them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.types import Scope

from entrepot.http.api.openapi.document import api_routes
from entrepot.http.methods import METHODS
from entrepot.metrics.process_metrics import ProcessMetrics

NO_ROUTE = "none"
"""The route of a request that was refused before one was looked for, or for which there is none."""

CountRequest = Callable[[Scope, int, float, int, int], None]
"""Takes a request's scope, the answer's status, seconds, and the bytes received and sent."""


@dataclass
class _Ended:
    """Requests that have ended in one turn of the event loop."""

    seconds: list[float] = field(default_factory=list)
    received: int = 0
    sent: int = 0


def count_by_route(app: FastAPI, metrics: ProcessMetrics) -> CountRequest:
    """What counts a request that has ended, for an app that has all its routes.

    Those that end in one turn of the event loop are counted together: each counter has a lock, and
    may lie in a file. A route is found by its function, which Starlette leaves in the scope: the
    route there knows nothing of the prefix that it was included with.
    """
    paths: dict[Any, str] = {route.endpoint: str(route.path) for route in api_routes(app)}
    ended: dict[tuple[str, str, int], _Ended] = {}

    def count_ended() -> None:
        for (method, route, status), some in ended.items():
            metrics.count_requests(method, route, status, some.seconds, some.received, some.sent)
        ended.clear()

    def count(scope: Scope, status: int, seconds: float, received: int, sent: int) -> None:
        if not ended:
            asyncio.get_running_loop().call_soon(count_ended)
        # A client may send any word as its method: labels are bounded.
        method = scope["method"] if scope["method"] in METHODS else "other"
        labels = method, paths.get(scope.get("endpoint"), NO_ROUTE), status
        some = ended.get(labels)
        if some is None:
            some = ended[labels] = _Ended()
        some.seconds.append(seconds)
        some.received += received
        some.sent += sent

    return count
