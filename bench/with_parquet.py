"""What a verdict and the Parquet cost together: in one sandbox process, in two, and in a batch.

The work is that of a worker without its database: the pool, its processes, and the bytes of the
Parquet, which are read once as the blob store would.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from bench.inspecting import ROW, SCHEMA, cpu_of, pool_in, write_mixed
from bench.pairs import Line, alternate, ratios, spread
from bench.trial import Trial
from entrepot.inspection.results import (
    ConversionRequest,
    Converted,
    FormFiles,
    InspectedVersion,
    InspectionRequest,
)
from entrepot.inspection.sandbox.batch import (
    MAX_BATCH_FILES,
    BatchSender,
    SenderBatch,
    SentRequest,
)
from entrepot.inspection.sandbox.pool import InspectionPool

SMALL_ROWS = 200
SMALL_SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"unique": True, "required": True}},
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "number"},
        {"name": "day", "type": "date"},
    ]
}
LARGE_ROUNDS = 2
"""Of the large table, after one that does not count: each takes the better part of a minute."""
MOST_SMALL, MOST_LARGE = 0.8, 0.95
"""Times the cost in two processes that one may have, of a table of 5 kB and of a large one."""


def inspection_parquet(trial: Trial) -> list[Line]:
    """Verdict and Parquet of 5 kB and of a large table: one process against two, and a batch."""
    small, large = trial.folder / "small.csv", trial.folder / "large.csv"
    small.write_text(
        "id,name,amount,day\n"
        + "".join(f"{n},name {n},{n}.25,2024-03-{1 + n % 28:02}\n" for n in range(SMALL_ROWS))
    )
    write_mixed(large, trial.size * 3 // 2 // ROW, 0.0)
    with pool_in(trial.folder) as pool:
        for _ in range(3):
            in_one(pool, request(small, SMALL_SCHEMA))
            in_two(pool, request(small, SMALL_SCHEMA))
        return [*_small(trial, pool, small), *_large(trial, pool, large)]


def _small(trial: Trial, pool: InspectionPool, file: Path) -> list[Line]:
    to_read = request(file, SMALL_SCHEMA)
    rounds = range(max(1, trial.small // MAX_BATCH_FILES))

    def repeated(work: Callable[[InspectionPool, InspectionRequest], None]) -> float:
        return cpu_of(lambda: [work(pool, to_read) for _ in range(MAX_BATCH_FILES)])

    cpu: dict[str, list[float]] = {"one": [], "two": [], "batch": []}
    for _ in rounds:
        cpu["one"].append(repeated(in_one) * 1000 / MAX_BATCH_FILES)
        cpu["two"].append(repeated(in_two) * 1000 / MAX_BATCH_FILES)
        seconds = cpu_of(lambda: in_batch(pool, to_read))
        cpu["batch"].append(seconds * 1000 / MAX_BATCH_FILES)
    ratio, batch = ratios(cpu["one"], cpu["two"]), ratios(cpu["batch"], cpu["one"])
    return [
        Line("5 kB in one process, ms of CPU", f"{spread(cpu['one']):.1f}"),
        Line("5 kB in two processes, ms of CPU", f"{spread(cpu['two']):.1f}"),
        Line("5 kB, one / two, CPU", f"{ratio}", f"≤ {MOST_SMALL:g}", ratio.median <= MOST_SMALL),
        Line("5 kB in a batch of 20, ms of CPU", f"{spread(cpu['batch']):.1f}"),
        Line("5 kB, batch / alone, CPU", f"{batch}"),
    ]


def _large(trial: Trial, pool: InspectionPool, file: Path) -> list[Line]:
    to_read = request(file, SCHEMA)
    values = alternate(
        {
            "one": lambda: cpu_of(lambda: in_one(pool, to_read)),
            "two": lambda: cpu_of(lambda: in_two(pool, to_read)),
        },
        min(trial.pairs, LARGE_ROUNDS),
    )
    ratio = ratios(values["one"], values["two"])
    what = f"{to_read.size / 1e6:,.0f} MB"
    return [
        Line(f"{what} in one process, s of CPU", f"{spread(values['one']):.1f}"),
        Line(f"{what} in two processes, s of CPU", f"{spread(values['two']):.1f}"),
        Line(
            f"{what}, one / two, CPU", f"{ratio}", f"≤ {MOST_LARGE:g}", ratio.median <= MOST_LARGE
        ),
    ]


def request(file: Path, schema: dict[str, object]) -> InspectionRequest:
    """An inspection by a schema that makes the Parquet too."""
    size = file.stat().st_size
    return InspectionRequest(file, file.name, size, "given", schema, forms="by-verdict")


def in_one(pool: InspectionPool, to_read: InspectionRequest) -> None:
    """Verdict and Parquet in one process."""
    inspected, _ = pool.inspect_version(to_read, _read, lambda done, total: None, lambda: False)
    assert inspected.forms["parquet"].verdict == "made", inspected.inspection.detail


def in_two(pool: InspectionPool, to_read: InspectionRequest) -> None:
    """The verdict in one process, then the Parquet in another, as a large delivery has them."""
    plain = InspectionRequest(
        to_read.path, to_read.file_name, to_read.size, "given", to_read.schema
    )
    inspection = pool.inspect(plain, lambda done, total: None, lambda: False)
    conversion = ConversionRequest(
        to_read.path, to_read.file_name, to_read.size, "parquet", to_read.schema or {}, "given",
        inspection.row_count or 0,
    )  # fmt: skip
    made, _ = pool.derive(conversion, _read_made, lambda: False)
    assert made.verdict == "made", made.detail


def in_batch(pool: InspectionPool, to_read: InspectionRequest) -> None:
    """As many as one process may judge, of one sender."""
    sender = BatchSender(uuid4(), uuid4())
    batch = SenderBatch([SentRequest(sender, to_read)] * MAX_BATCH_FILES)
    results = list(pool.inspect_batch(batch, _read, lambda number: False, 60))
    assert all(result.inspected and result.inspected.forms for result in results)


def _read(inspected: InspectedVersion, files: FormFiles) -> None:
    for form in inspected.forms:
        files.path(form).read_bytes()


def _read_made(output: Path, made: Converted) -> None:
    output.read_bytes()
