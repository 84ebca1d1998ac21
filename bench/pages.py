"""Time a page of the API as a client that asks for it again and again has it."""

import json
import time
from collections.abc import Callable
from statistics import median

from bench.contenders import Entrepot
from bench.wire import UnexpectedResponse, WireConnection, request_head


def page_time(
    server: Entrepot, path: str, envelope: str, expected: int, requests: int, key: str | None = None
) -> Callable[[], float]:
    """Measures a page that has `found` items in its `envelope`."""

    def measure() -> float:
        """Milliseconds of a page: the median of `requests` in a row on one connection."""
        head = request_head("GET", path, server.headers(key))
        times = []
        with WireConnection(server.port) as connection:
            for _ in range(requests):
                began = time.perf_counter()
                connection.send(head)
                answer = connection.answer()
                times.append(time.perf_counter() - began)
        if answer.status != 200 or len(json.loads(answer.body)[envelope]) != expected:
            raise UnexpectedResponse(f"{answer.status}: {answer.body[:300]!r}")
        return median(times) * 1000

    return measure
