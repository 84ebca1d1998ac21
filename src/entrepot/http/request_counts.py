"""Count requests by the route that answered them."""

from collections.abc import Callable
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


def count_by_route(app: FastAPI, metrics: ProcessMetrics) -> CountRequest:
    """What counts a request that has ended, for an app that has all its routes.

    A route is found by its function, which Starlette leaves in the scope: the route there knows
    nothing of the prefix that it was included with.
    """
    paths: dict[Any, str] = {route.endpoint: str(route.path) for route in api_routes(app)}

    def count(scope: Scope, status: int, seconds: float, received: int, sent: int) -> None:
        # A client may send any word as its method: labels are bounded.
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = paths.get(scope.get("endpoint"), NO_ROUTE)
        metrics.count_request(method, route, status, seconds, received, sent)

    return count
