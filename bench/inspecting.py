"""Measures of inspection beside the engine's own typed scan of the same file, and frictionless.

The peer's scan knows everything (dialect, types) and reads every column once with rejects
stored; ours knows nothing but the contract, or nothing at all, and runs in its locked-down child
through the pool, as in a worker.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psutil

from bench.pairs import Line, Measure, alternate, at_least, ratios, spread
from bench.trial import Trial
from bench.waiting import small_csv
from entrepot.inspection.limits import Limits
from entrepot.inspection.results import Inspection, InspectionRequest
from entrepot.inspection.sandbox.pool import InspectionPool

MIB = 2**20
ROW = 236
"""Bytes of a row of the mixed table, about."""
COLUMNS: dict[str, tuple[str, str, str, str]] = {
    # name: (type in the engine, in the contract, expression, a wrong text)
    "id": ("BIGINT", "integer", "i", ""),
    "qty": ("BIGINT", "integer", "(random() * 1000)::INT", "x12"),
    "price": ("DOUBLE", "number", "round(random() * 10000, 2)::DECIMAL(12, 2)", "n.a."),
    "day": ("DATE", "date", "DATE '2015-01-01' + (random() * 3000)::INT", "2015-13-01"),
    "moment": (
        "TIMESTAMP", "datetime",
        "TIMESTAMP '2015-01-01' + to_seconds((random() * 1e8)::BIGINT)", "yesterday",
    ),
    "paid": ("BOOLEAN", "boolean", "CASE WHEN random() < 0.5 THEN 'true' ELSE 'false' END", ""),
    "name": ("VARCHAR", "string", "'name ' || (random() * 100000)::INT", ""),
    "code": ("VARCHAR", "string", "chr(65 + (random() * 25)::INT)", ""),
    "ref": ("VARCHAR", "string", "uuid()::VARCHAR", ""),
    "city": (
        "VARCHAR", "string",
        "'city ' || (random() * 500)::INT || CASE WHEN random() < 0.02 THEN ', \"a\"' ELSE '' END",
        "",
    ),
    "f1": ("DOUBLE", "number", "random()", ""),
    "f2": ("DOUBLE", "number", "random() * 1e6", ""),
    "n1": ("BIGINT", "integer", "(random() * 1e9)::BIGINT", ""),
    "n2": ("BIGINT", "integer", "(random() * 100)::INT", ""),
    "opt": ("BIGINT", "integer", "CASE WHEN random() > 0.1 THEN (random() * 50)::INT END", ""),
    "mail": ("VARCHAR", "string", "'user' || (random() * 1000000)::INT || '@example.org'", ""),
    "phone": ("VARCHAR", "string", "'+49 ' || (random() * 1e9)::BIGINT", ""),
    "zip": ("VARCHAR", "string", "lpad((random() * 99999)::INT::VARCHAR, 5, '0')", ""),
    "lon": ("DOUBLE", "number", "(random() * 360 - 180)::DECIMAL(9, 6)", ""),
    "lat": ("DOUBLE", "number", "(random() * 180 - 90)::DECIMAL(9, 6)", ""),
}  # fmt: skip
SCHEMA = {"fields": [{"name": n, "type": kind} for n, (_, kind, _, _) in COLUMNS.items()]}
MOST_INFERRED, MOST_GIVEN = 1.5, 1.4
"""Times the engine's own typed scan that a whole inspection may take, without and with a schema."""
LEAST_RATE = 85
"""Times the rate of frictionless."""
FRICTIONLESS_ROWS = 20_000


def inspection(trial: Trial) -> list[Line]:
    """A whole inspection against the engine's typed scan with rejects stored, and frictionless."""
    rows = trial.size * 3 // 2 // ROW
    clean, spoilt = trial.folder / "clean.csv", trial.folder / "spoilt.csv"
    write_mixed(clean, rows, 0.0)
    write_mixed(spoilt, rows, 0.02)
    lines = []
    with pool_in(trial.folder) as pool:
        for what, file, schema, most in (
            ("inferred", clean, None, MOST_INFERRED),
            ("against a schema", clean, SCHEMA, MOST_GIVEN),
            ("against a schema, 2 % of three columns wrong", spoilt, SCHEMA, MOST_GIVEN),
        ):
            cpu: dict[str, list[float]] = {"ours": [], "scan": []}
            ours = partial(timed, pool, file, schema)
            contenders: dict[str, Measure] = {
                "ours": with_cpu(ours, cpu["ours"]),
                "scan": with_cpu(partial(typed_scan, file), cpu["scan"]),
            }
            values = alternate(contenders, trial.pairs)
            in_cpu = ratios(cpu["ours"][1:], cpu["scan"][1:])  # the first round does not count
            ratio = ratios(values["ours"], values["scan"])
            lines += [
                Line(f"{what}, s", f"{spread(values['ours']):.1f}"),
                Line("the engine's own typed scan, s", f"{spread(values['scan']):.1f}"),
                Line(f"{what} / typed scan", f"{ratio}", f"≤ {most:g}", ratio.median <= most),
                Line(f"{what} / typed scan, CPU", f"{in_cpu}"),
            ]
        lines += against_frictionless(trial, pool)
    return lines


def inspection_small(trial: Trial) -> list[Line]:
    """A 10 kB table through the pool: one after another, and two at once."""
    file = small_csv(trial.folder / "small.csv")
    with pool_in(trial.folder) as pool:
        for _ in range(5):
            timed(pool, file, None)
        single = [timed(pool, file, None) * 1000 for _ in range(trial.small)]
        began, count = time.perf_counter(), 4 * trial.small
        _two_at_once(pool, file, count)
        rate = count / (time.perf_counter() - began)
    result = spread(single)
    return [
        Line("one inspection, ms", f"{result:.0f}", "< 50 ms at the median", result.median < 50),
        Line("a second, two at once", f"{rate:.1f}", "≥ 15", rate >= 15),
    ]


def inspection_growth(trial: Trial) -> list[Line]:
    """Memory over a long file; time over twice the rows, and over ten times the columns."""
    lines = []
    long = trial.folder / "long.csv"
    write_mixed(long, trial.long_size // ROW, 0.0)
    with pool_in(trial.folder) as pool:
        peak, seconds = peak_memory(pool, long, SCHEMA)
        size = long.stat().st_size / 2**30
        long.unlink()
        what = f"peak over {size:.1f} GiB in {seconds:.0f} s, MiB"
        lines.append(Line(what, f"{peak / MIB:.0f}", "< 600", peak < 600 * MIB))
        once, twice = trial.folder / "once.csv", trial.folder / "twice.csv"
        write_mixed(once, trial.size // 4 // ROW, 0.0)
        write_mixed(twice, trial.size // 2 // ROW, 0.0)
        values = alternate(
            {"once": lambda: timed(pool, once, None), "twice": lambda: timed(pool, twice, None)},
            trial.pairs,
        )
        ratio = ratios(values["twice"], values["once"])
        lines.append(Line("twice the rows / once", f"{ratio}", "≤ 2.4", ratio.median <= 2.4))
        narrow, wide = trial.folder / "narrow.csv", trial.folder / "wide.csv"
        # Large enough for the slope to show rather than what each column costs once.
        write_wide(narrow, 100, trial.size // 4)
        write_wide(wide, 1_000, trial.size // 4)
        values = alternate(
            {"narrow": lambda: timed(pool, narrow, None), "wide": lambda: timed(pool, wide, None)},
            trial.pairs,
        )
        ratio = ratios(values["wide"], values["narrow"])
        what = "1,000 columns / 100, the same bytes"
        lines.append(Line(what, f"{ratio}", "≤ 2", ratio.median <= 2))
    return lines


@contextmanager
def pool_in(folder: Path) -> Iterator[InspectionPool]:
    """A pool with the server's default limits."""
    pool = InspectionPool(Limits(memory=1536 * MIB), folder / "scratch", "best-effort")
    pool.start()
    try:
        yield pool
    finally:
        pool.close()


def timed(pool: InspectionPool, file: Path, schema: dict[str, Any] | None) -> float:
    """Seconds of one inspection that must end with a verdict on the table."""
    began = time.perf_counter()
    result = inspect(pool, file, schema)
    seconds = time.perf_counter() - began
    assert result.verdict in ("conforms", "violates"), result.detail
    return seconds


def inspect(pool: InspectionPool, file: Path, schema: dict[str, Any] | None) -> Inspection:
    """One inspection, inferring where there is no schema."""
    request = InspectionRequest(
        file, file.name, file.stat().st_size, "given" if schema else "infer", schema
    )
    return pool.inspect(request, lambda done, total: None, lambda: False)


def typed_scan(file: Path) -> float:
    """Seconds in which the engine reads every column by its type and stores what it rejects."""
    columns = json.dumps({name: kind for name, (kind, _, _, _) in COLUMNS.items()}).replace(
        '"', "'"
    )
    counted = ", ".join(f"count({name})" for name in COLUMNS)
    with duckdb.connect() as engine:
        began = time.perf_counter()
        engine.execute(
            f"SELECT count(*), {counted} FROM read_csv('{file}', auto_detect = false, "
            f"header = true, delim = ',', quote = '\"', escape = '\"', columns = {columns}, "
            "store_rejects = true, rejects_limit = 0)"
        ).fetchall()
        return time.perf_counter() - began


def with_cpu(measure: Measure, cpu: list[float]) -> Measure:
    """The measure, whose seconds of CPU are added to `cpu`."""

    def measured() -> float:
        value = 0.0

        def work() -> None:
            nonlocal value
            value = measure()

        cpu.append(cpu_of(work))
        return value

    return measured


def cpu_of(work: Callable[[], object]) -> float:
    """Seconds of CPU of this process, the fork server and all sandbox processes that have ended."""
    before = _cpu_seconds()
    work()
    return _cpu_seconds() - before


def _cpu_seconds() -> float:
    seconds = time.process_time()
    for child in psutil.Process().children():
        if "entrepot.inspection.sandbox.forkserver" in child.cmdline():
            seconds += sum(child.cpu_times()[:4])
    return seconds


def against_frictionless(trial: Trial, pool: InspectionPool) -> list[Line]:
    """The rate of rows of the reference, on as much as it can be asked for."""
    part = trial.folder / "part.csv"
    write_mixed(part, FRICTIONLESS_ROWS, 0.0)
    schema = trial.folder / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    program = (
        "import sys, time\nfrom frictionless import Resource, Schema, validate\n"
        "began = time.perf_counter()\n"
        "made = Resource(path=sys.argv[1], schema=Schema.from_descriptor(sys.argv[2]))\n"
        "assert validate(made).valid\nprint(time.perf_counter() - began)\n"
    )

    def theirs() -> float:
        answer = subprocess.run(
            [sys.executable, "-c", program, part.name, schema.name],
            cwd=trial.folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return FRICTIONLESS_ROWS / float(answer.stdout)

    def ours() -> float:
        rows = trial.size * 3 // 2 // ROW
        return rows / timed(pool, trial.folder / "clean.csv", SCHEMA)

    rates = alternate({"ours": ours, "theirs": theirs}, trial.pairs)
    what = "rows a second against a schema / frictionless"
    return [
        Line("frictionless, rows a second", f"{spread(rates['theirs']):,.0f}"),
        at_least(what, ratios(rates["ours"], rates["theirs"]), LEAST_RATE),
    ]


def peak_memory(
    pool: InspectionPool, file: Path, schema: dict[str, Any] | None
) -> tuple[int, float]:
    """The most bytes that were resident in the child, looked at 20 times a second; seconds."""
    peak = 0

    def look() -> bool:
        nonlocal peak
        for process in psutil.Process().children(recursive=True):
            try:
                peak = max(peak, process.memory_info().rss)
            except psutil.Error:
                continue
        return False

    request = InspectionRequest(file, file.name, file.stat().st_size, "given", schema)
    began = time.perf_counter()
    result = pool.inspect(request, lambda done, total: None, look)
    assert result.verdict == "conforms", result.detail
    return peak, time.perf_counter() - began


def write_mixed(file: Path, rows: int, wrong: float) -> None:
    """A table of 20 mixed columns; `wrong` is the share of spoilt cells in those that have a
    wrong text."""

    def cell(name: str, made: str, text: str) -> str:
        if not wrong or not text:
            return f"{made} AS {name}"
        return f"CASE WHEN random() < {wrong} THEN '{text}' ELSE ({made})::VARCHAR END AS {name}"

    columns = ", ".join(cell(name, made, text) for name, (_, _, made, text) in COLUMNS.items())
    with duckdb.connect() as engine:
        engine.execute("SELECT setseed(0.42)")
        engine.execute(f"COPY (SELECT {columns} FROM range({rows}) AS t(i)) TO '{file}' (HEADER)")


def write_wide(file: Path, columns: int, size: int) -> None:
    """A table of numbers, days and words, `columns` wide, of about `size` bytes."""
    kinds = ("{n}.25", "2024-02-{d:02}", "word{n}", "{n}")
    names = ",".join(f"c{n}" for n in range(columns))
    with file.open("w") as out:
        out.write(names + "\n")
        for number in itertools.count():
            cells = (kinds[n % 4].format(n=number * n % 997, d=n % 28 + 1) for n in range(columns))
            out.write(",".join(cells) + "\n")
            if out.tell() >= size:
                return


def _two_at_once(pool: InspectionPool, file: Path, count: int) -> None:
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: timed(pool, file, None), range(count)))
