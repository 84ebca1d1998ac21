"""Requests are counted by their route, also those that end while the routes are prepared."""

import asyncio

from fastapi import APIRouter, FastAPI
from starlette.types import Scope
from tests.support.loops import run_apart

from entrepot.http.request_counts import RequestCounts
from entrepot.metrics.process_metrics import ProcessMetrics


class NotedMetrics(ProcessMetrics):
    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, str, int, int]] = []

    def count_requests(self, method, route, status, seconds, received, sent) -> None:  # type: ignore[no-untyped-def]
        self.noted.append((method, route, status, len(seconds)))


def make_app() -> tuple[FastAPI, Scope]:
    router = APIRouter()

    @router.get("/thing/{number}")
    async def thing(number: int) -> int:
        return number

    app = FastAPI()
    app.include_router(router, prefix="/api")
    return app, {"method": "GET", "endpoint": thing}


def test_what_ends_while_routes_are_prepared_is_counted_after_it() -> None:
    app, scope = make_app()
    metrics = NotedMetrics()
    counts = RequestCounts(app, metrics)

    async def start() -> None:
        loading = asyncio.create_task(counts.load_routes())
        await asyncio.sleep(0)
        counts.add(scope, 200, 0.1, 0, 5)
        counts.flush()
        assert metrics.noted == []
        counts.add(scope, 200, 0.2, 0, 5)
        counts.add({"method": "BREW"}, 404, 0.2, 0, 5)
        await loading

    run_apart(start())
    assert metrics.noted == [("GET", "/api/thing/{number}", 200, 2), ("other", "none", 404, 1)]


def test_without_that_they_are_prepared_for_the_first_count() -> None:
    app, scope = make_app()
    metrics = NotedMetrics()
    counts = RequestCounts(app, metrics)
    counts.add(scope, 200, 0.1, 0, 5)
    counts.flush()
    counts.flush()
    assert metrics.noted == [("GET", "/api/thing/{number}", 200, 1)]
