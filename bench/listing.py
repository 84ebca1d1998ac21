"""Measure lists and searches of a million files against a thousand, on two servers."""

from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

from bench.contenders import Entrepot, entrepot, make_entrepot
from bench.pages import page_time
from bench.pairs import Line, Measure, alternate, ratios, spread
from bench.trial import Trial
from bench.wire import WireConnection, request_head
from entrepot.db.engine import sqlite_module

FEW = 1_000
PAGE = 50
REQUESTS = 100
STRIDE = 1000
"""Files a page on the way to the middle."""
MOST = 1.2
SLOWEST = 50
"""Milliseconds of a search."""
PAGES = (
    (f"first {PAGE}", "created_at"),
    (f"middle {PAGE}", "created_at"),
    (f"first {PAGE} by name", "file_name"),
    (f"middle {PAGE} by name", "file_name"),
)
SEARCHES = (
    (f"search with many hits, first {PAGE}", "csv", PAGE),
    ("search with one hit", "le_777.", 1),
    ("search with no hit, common pieces", "e_77.77.csv", 0),
    ("search with no hit, unknown pieces", "nowhere", 0),
)

# Ids and times as the server's column types write them: 32 hex digits, microseconds in UTC.
FILES = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
INSERT INTO files (id, account_id, owner_id, name, name_key, description, size_limit,
                   enforcement, current_version, current_size, created_at, updated_at)
SELECT lower(hex(randomblob(16))), :account, :owner, 'file_' || n || '.csv',
       'file_' || n || '.csv', 'Description', 100000, 'none', 1, 1234,
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
    """Pages in the orders of creation and name, by the admin of the account and by the files'
    owner; and searches for what is common, for one file and for none, by the admin."""
    with ExitStack() as stack:
        servers = {}
        for files in (FEW, trial.files):
            folder = trial.folder / f"entrepot-{files}"
            make_entrepot(folder)
            fill(folder / "data" / "entrepot.db", files)
            servers[files] = stack.enter_context(entrepot(folder))
        lines = []
        for who in ("admin", "member"):
            for where, sort in PAGES:
                lines += _compared(servers, trial, who, where, f"sort={sort}", PAGE)
        for what, name, expected in SEARCHES:
            lines += _compared(servers, trial, "admin", what, f"name={name}", expected)
    return lines


def fill(database: Path, count: int) -> None:
    """Insert `count` published files of the user `bench:member`, by plain SQL."""
    with closing(sqlite_module().connect(str(database))) as conn, conn:
        query = "SELECT account_id, id FROM users WHERE name = 'member'"
        ((account, owner),) = conn.execute(query).fetchall()
        conn.execute(FILES, {"count": count, "account": account, "owner": owner})
        conn.execute(VERSIONS)


def _compared(
    servers: dict[int, Entrepot], trial: Trial, who: str, where: str, query: str, expected: int
) -> list[Line]:
    contenders: dict[str, Measure] = {}
    for files, server in servers.items():
        key = server.key if who == "admin" else server.member_key
        path = f"/api/v1/files?{query}&limit={PAGE}"
        if where.startswith("middle"):
            path = _middle(server, key, files, query)
        contenders[str(files)] = page_time(server, path, "files_list", expected, REQUESTS, key)
    times = alternate(contenders, trial.pairs)
    many, few = times[str(trial.files)], times[str(FEW)]
    ratio = ratios(many, few)
    figure = f"{ratio}; {spread(many):.2f} ms against {spread(few):.2f} ms"
    what = f"{where} of {trial.files:,} ÷ of {FEW:,}, as {who}"
    if query.startswith("name="):
        # A search looks along a stretch before it asks its index, which a short list does not have.
        return [Line(what, figure, f"≤ {SLOWEST:g} ms", median(many) <= SLOWEST)]
    return [Line(what, figure, f"≤ {MOST:g}", ratio.median <= MOST)]


def _middle(server: Entrepot, key: str, files: int, query: str) -> str:
    """The path of a page in the middle, whose cursor the server itself wrote."""
    stride = min(STRIDE, files // 2)
    path = f"/api/v1/files?{query}&limit={stride}"
    with WireConnection(server.port) as connection:
        for _ in range(files // 2 // stride):
            connection.send(request_head("GET", path, server.headers(key)))
            path = connection.answer().headers["link"].split(">")[0].lstrip("<")
    return path.replace(f"limit={stride}", f"limit={PAGE}")
