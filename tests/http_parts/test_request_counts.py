"""Requests are counted by their route."""

from fastapi import FastAPI
from starlette.types import Scope

from entrepot.http.request_counts import RequestCounts
from entrepot.metrics.process_metrics import ProcessMetrics


class NotedMetrics(ProcessMetrics):
    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, str, int, int]] = []

    def count_requests(self, method, route, status, seconds, received, sent) -> None:  # type: ignore[no-untyped-def]
        self.noted.append((method, route, status, len(seconds)))


def make_app() -> tuple[FastAPI, Scope]:
    app = FastAPI()

    @app.get("/api/thing/{number}")
    async def thing(number: int) -> int:
        return number

    return app, {"method": "GET", "endpoint": thing}


def test_requests_are_counted_together_by_their_route() -> None:
    app, scope = make_app()
    metrics = NotedMetrics()
    counts = RequestCounts(app, metrics)
    counts.add(scope, 200, 0.1, 0, 5)
    assert metrics.noted == []
    counts.add(scope, 200, 0.2, 0, 5)
    counts.add({"method": "BREW"}, 404, 0.2, 0, 5)
    counts.flush()
    counts.flush()
    assert metrics.noted == [("GET", "/api/thing/{number}", 200, 2), ("other", "none", 404, 1)]
