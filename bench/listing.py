"""Measure lists: 50 of a million files against 50 of a thousand, on two servers."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.contenders import Entrepot, entrepot, make_entrepot
from bench.pairs import Line, Measure, alternate, ratios, spread
from bench.trial import Trial
from bench.wire import Connection, Refused, request_head

FEW = 1_000
PAGE = 50
REQUESTS = 100
STRIDE = 1000
"""Files a page on the way to the middle."""
MOST = 1.2

# Ids and times as the server's column types write them: 32 hex digits, microseconds in UTC.
FILES = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO files (id, account_id, owner_id, name, description, size_limit, enforcement,
                   current_version, created_at, updated_at)
SELECT lower(hex(randomblob(16))), :account, :owner, 'file_' || n || '.csv', 'Description',
       100000, 'none', 1,
       strftime('%Y-%m-%d %H:%M:%S', 1600000000 + n, 'unixepoch') || '.000000',
       strftime('%Y-%m-%d %H:%M:%S', 1600000000 + n, 'unixepoch') || '.000000'
FROM numbers
"""
VERSIONS = """
INSERT INTO versions (id, file_id, account_id, number, status, size, sha256, media_type,
                      row_count, created_by, created_at, decided_at, task_id)
SELECT lower(hex(randomblob(16))), id, account_id, 1, 'published', 1234,
       lower(hex(randomblob(32))), 'text/csv', 100, owner_id, created_at, created_at,
       lower(hex(randomblob(16)))
FROM files
"""


def listing(trial: Trial) -> list[Line]:
    """First page and a middle page, by the admin of the account and by the files' owner."""
    with ExitStack() as stack:
        servers = {}
        for files in (FEW, trial.files):
            folder = trial.folder / f"entrepot-{files}"
            make_entrepot(folder)
            fill(folder / "data" / "entrepot.db", files)
            servers[files] = stack.enter_context(entrepot(folder))
        lines = []
        for who in ("admin", "member"):
            for where in ("first", "middle"):
                lines += _compared(servers, trial, who, where)
    return lines


def fill(database: Path, count: int) -> None:
    """Insert `count` published files of the user `bench:member`, by plain SQL."""
    conn = sqlite3.connect(database)
    with conn:
        query = "SELECT account_id, id FROM users WHERE name = 'member'"
        ((account, owner),) = conn.execute(query).fetchall()
        conn.execute(FILES, {"count": count, "account": account, "owner": owner})
        conn.execute(VERSIONS)
    conn.close()


def _compared(servers: dict[int, Entrepot], trial: Trial, who: str, where: str) -> list[Line]:
    contenders: dict[str, Measure] = {}
    for files, server in servers.items():
        key = server.key if who == "admin" else server.member_key
        path = f"/api/v1/files?limit={PAGE}"
        if where == "middle":
            path = _middle(server, key, files)
        contenders[str(files)] = _page_time(server, key, path)
    times = alternate(contenders, trial.pairs)
    many, few = times[str(trial.files)], times[str(FEW)]
    ratio = ratios(many, few)
    figure = f"{ratio}; {spread(many):.2f} ms against {spread(few):.2f} ms"
    what = f"{where} {PAGE} of {trial.files:,} ÷ of {FEW:,}, as {who}"
    return [Line(what, figure, f"≤ {MOST:g}", ratio.median <= MOST)]


def _middle(server: Entrepot, key: str, files: int) -> str:
    """The path of a page in the middle, whose cursor the server itself wrote."""
    stride = min(STRIDE, files // 2)
    path = f"/api/v1/files?limit={stride}"
    with Connection(server.port) as connection:
        for _ in range(files // 2 // stride):
            connection.send(request_head("GET", path, server.headers(key)))
            path = connection.answer().headers["link"].split(">")[0].lstrip("<")
    return path.replace(f"limit={stride}", f"limit={PAGE}")


def _page_time(server: Entrepot, key: str, path: str) -> Callable[[], float]:
    def measure() -> float:
        """Milliseconds of a page: the median of a hundred in a row on one connection."""
        head = request_head("GET", path, server.headers(key))
        times = []
        with Connection(server.port) as connection:
            for _ in range(REQUESTS):
                began = time.perf_counter()
                connection.send(head)
                answer = connection.answer()
                times.append(time.perf_counter() - began)
        if answer.status != 200 or len(json.loads(answer.body)["files_list"]) != PAGE:
            raise Refused(f"{answer.status}: {answer.body[:300]!r}")
        return median(times) * 1000

    return measure
