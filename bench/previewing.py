"""Measure previews: pages of 100 rows out of ten million, beside DuckDB on the same Parquet."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import duckdb

from bench.contenders import Entrepot, entrepot, make_entrepot
from bench.pages import page_time
from bench.pairs import Line, Measure, alternate, ratios, spread
from bench.trial import Trial
from bench.wire import UnexpectedResponse, WireConnection, request_head

ROWS = 10_000_000
PAGE = 100
REQUESTS = 10
MOST_MS = 50.0
MADE_WITHIN = 1_200.0
"""Seconds in which the Parquet of a delivery is made."""
TABLE = f"""
SELECT i AS id, (hash(i) % 1000000)::BIGINT AS k,
       CASE WHEN i % 7 > 0 THEN (hash(i * 3) % 100000)::DECIMAL(9, 2) / 100 END AS amount,
       DATE '2020-01-01' + (i % 2000)::INT AS day, 'customer ' || hash(i * 5) % 50000 AS name,
       TIMESTAMP '2020-01-01' + INTERVAL (i) SECOND AS at, i % 2 = 0 AS flag,
       'city ' || i % 300 AS city
FROM range({ROWS}) t(i)
"""
PARQUET = "SELECT * FROM read_parquet('{}', file_row_number = true)"
PAGES = {
    "first page": ({}, "LIMIT 100", MOST_MS),
    "from row 5,000,000 on": (
        {"offset": str(ROWS // 2)},
        f"WHERE file_row_number >= {ROWS // 2} LIMIT 100",
        MOST_MS,
    ),
    "where city = 'city 7'": (
        {"where": "city = 'city 7'"},
        "WHERE city = 'city 7' LIMIT 100",
        MOST_MS,
    ),
    "sorted by k, of 10 million": (
        {"order_by": "k"},
        "ORDER BY k, file_row_number LIMIT 100",
        None,
    ),
}


def previews(trial: Trial) -> list[Line]:
    """Each page over HTTP, with key and right checked, and in a fresh DuckDB in this process."""
    table = trial.folder / "ten-million.csv"
    duckdb.sql(f"COPY ({TABLE}) TO '{table}' (FORMAT csv, HEADER)")
    folder = trial.folder / "entrepot"
    make_entrepot(folder)
    with entrepot(folder) as ours:
        task = ours.wait_task(ours.upload(table, "ten-million.csv").task_id)
        table.unlink()
        address = f"/api/v1/file/{task['file_id']}/preview"
        _wait_made(ours, address)
        parquet = _fetched(ours, str(task["file_id"]), trial.folder / "same.parquet")
        return [_compared(ours, address, parquet, name, trial.pairs) for name in PAGES]


def _wait_made(ours: Entrepot, address: str) -> None:
    deadline = time.monotonic() + MADE_WITHIN
    with WireConnection(ours.port) as connection:
        while True:
            connection.send(request_head("GET", address, ours.headers()))
            answer = connection.answer()
            if answer.status == 200:
                return
            if answer.status != 409 or time.monotonic() > deadline:
                raise UnexpectedResponse(f"{answer.status}: {answer.body[:300]!r}")
            time.sleep(1)


def _fetched(ours: Entrepot, file_id: str, target: Path) -> Path:
    path = f"/api/v1/file/download/{file_id}?format=parquet"
    with WireConnection(ours.port) as connection:
        connection.send(request_head("GET", path, ours.headers()))
        target.write_bytes(connection.answer().body)
    return target


def _compared(ours: Entrepot, address: str, parquet: Path, name: str, rounds: int) -> Line:
    parameters, query, most = PAGES[name]
    contenders: dict[str, Measure] = {
        "ours": page_time(ours, f"{address}?{urlencode(parameters)}", "rows", PAGE, REQUESTS),
        "duckdb": _engine_time(f"{PARQUET.format(parquet)} {query}"),
    }
    times = alternate(contenders, rounds)
    mine, theirs = spread(times["ours"]), spread(times["duckdb"])
    figure = f"{mine:.1f} ms; {ratios(times['ours'], times['duckdb'])} × DuckDB's {theirs:.1f} ms"
    what = f"preview of {PAGE} of {ROWS:,} rows, {name}"
    if most is None:
        return Line(what, figure)
    return Line(what, figure, f"≤ {most:g} ms", mine.median <= most)


def _engine_time(query: str) -> Callable[[], float]:
    def measure() -> float:
        """Milliseconds of the same page in a database that is opened for it, in this process."""
        times = []
        for _ in range(REQUESTS):
            began = time.perf_counter()
            with duckdb.connect() as engine:
                rows = engine.execute(query).fetchall()
            times.append(time.perf_counter() - began)
        assert len(rows) == PAGE
        return median(times) * 1000

    return measure
