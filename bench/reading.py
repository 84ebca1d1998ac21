"""Read the corpus of polluted texts with Entrepot and its peers, each left to its own guess.

Every reader gets a file's path and nothing else, is asked for texts rather than typed values, and
is judged cell for cell by the truths of `tests/inspection/corpus`. Who raises has refused; who
answers otherwise than any truth is wrong in silence.
"""

import csv
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.inspection.corpus.known import Known, known_cases, rows

from bench.pairs import Line
from bench.processes import PeerMissing
from bench.trial import Trial

Rows = list[list[str]]
PATIENCE = 30
"""Seconds after which a reader of one small file has refused it."""


def with_sniffer(path: Path) -> Rows:
    """Python's csv module, with the dialect of its Sniffer."""
    with path.open(encoding="utf-8", newline="") as text:
        dialect = csv.Sniffer().sniff(text.read())
        text.seek(0)
        return list(csv.reader(text, dialect))


def with_pandas(path: Path) -> Rows:
    """pandas with its Python engine, which looks for the delimiter."""
    import pandas

    frame = pandas.read_csv(
        path, sep=None, engine="python", header=None, dtype=str, keep_default_na=False
    )
    return [_texts(row) for row in frame.fillna("").itertuples(index=False)]


def with_polars(path: Path) -> Rows:
    """polars, which looks for no dialect."""
    import polars

    frame = polars.read_csv(path, has_header=False, infer_schema=False)
    return [_texts(row) for row in frame.iter_rows()]


def with_clevercsv(path: Path) -> Rows:
    """CleverCSV, which looks for encoding and dialect."""
    import clevercsv

    return [_texts(row) for row in clevercsv.read_table(path)]


def with_frictionless(path: Path) -> Rows:
    """Frictionless, which looks for encoding, dialect and header."""
    import frictionless
    from frictionless.resources import TableResource

    with (
        frictionless.system.use_context(trusted=True),
        TableResource(path=str(path)) as table,
    ):
        return [_texts(cells) for cells in table.cell_stream]


def with_duckdb(path: Path, options: str = "") -> Rows:
    """DuckDB's automatic mode. The labels count as a row if it finds a header."""
    import duckdb

    with duckdb.connect() as engine:
        sniffed = engine.execute(f"SELECT HasHeader FROM sniff_csv(?{options})", [str(path)])
        (header,) = sniffed.fetchone() or (False,)
        result = engine.execute(f"FROM read_csv(?, all_varchar=true{options})", [str(path)])
        labels = [[column[0] for column in result.description]] if header else []
        return labels + [_texts(row) for row in result.fetchall()]


def with_duckdb_lenient(path: Path) -> Rows:
    """DuckDB told to put up with what it can."""
    return with_duckdb(
        path, ", strict_mode=false, null_padding=true, ignore_errors=true, parallel=false"
    )


def with_entrepot(path: Path) -> "ReaderResult":
    """Entrepot's canonical CSV; the one reader that says when it is unsure."""
    from entrepot.inspection.context import InspectionContext, TableRequest
    from entrepot.inspection.detect.detect import detect
    from entrepot.inspection.engine import open_engine
    from entrepot.inspection.limits import Limits
    from entrepot.inspection.open_table import open_table
    from entrepot.inspection.progress import Progress
    from entrepot.inspection.table import NotTabular

    with tempfile.TemporaryDirectory() as folder, open_engine() as engine:
        target = Path(folder, "canonical.csv")
        context = InspectionContext(engine, Path(folder), Limits(), Progress(1))
        opened = open_table(detect(path, path.name), TableRequest(path), context)
        if opened.write_canonical is None:
            raise NotTabular("it is not delimited text")
        reading = opened.write_canonical(target, None)
        return ReaderResult(rows(target.read_bytes()), unsure=reading.unsure)


@dataclass(frozen=True)
class ReaderResult:
    """What a reader says a file's table is, and whether it says that it may be wrong."""

    table: Rows
    unsure: bool = False


Reader = Callable[[Path], Rows | ReaderResult]

READERS: dict[str, Reader] = {
    "entrepot": with_entrepot,
    "DuckDB": with_duckdb,
    "DuckDB, lenient": with_duckdb_lenient,
    "CleverCSV": with_clevercsv,
    "pandas": with_pandas,
    "frictionless": with_frictionless,
    "csv.Sniffer": with_sniffer,
    "polars": with_polars,
}


@dataclass
class Tally:
    """How one reader fared. `loose` counts files right but for blank rows and empty last cells."""

    right: int = 0
    loose: int = 0
    refused: int = 0
    unsure: int = 0
    wrong: int = 0
    no_table: int = 0

    def figure(self, tables: int, others: int) -> str:
        """The tally in words; `tables` files hold a table, `others` hold none."""
        return (
            f"{self.right} of {tables} ({self.right / tables:.0%}); "
            f"{self.loose} but for blanks; {self.refused} refused; "
            f"{self.unsure} wrong and unsure; {self.wrong} wrong in silence; "
            f"{self.no_table} of {others} without a table refused"
        )


def reading(_trial: Trial) -> list[Line]:
    """The corpus of polluted texts: how many come back cell for cell from each reader."""
    cases = known_cases()
    tables = sum(case.tabular for case in cases)
    with peers_installed():
        tallies = {name: tally(reader, cases) for name, reader in READERS.items()}
    best = max(count.right for name, count in tallies.items() if name != "entrepot")
    return [
        Line(
            f"{name}, files cell for cell",
            count.figure(tables, len(cases) - tables),
            f"> {best}, the best peer" if name == "entrepot" else "",
            count.right > best if name == "entrepot" else None,
        )
        for name, count in tallies.items()
    ]


def tally(reader: Reader, cases: list[Known]) -> Tally:
    """Let one reader read every case."""
    count = Tally()
    for case in cases:
        answer = attempt(reader, case.path)
        if not case.tabular:
            count.no_table += answer is None
        elif answer is None:
            count.refused += 1
        else:
            count_answer(count, answer, [rows(truth) for truth in case.truths])
    return count


def count_answer(count: Tally, answer: ReaderResult, truths: list[Rows]) -> None:
    """Add an answer to the tally."""
    right = answer.table in truths
    count.right += right
    count.loose += right or bare(answer.table) in [bare(truth) for truth in truths]
    count.unsure += not right and answer.unsure
    count.wrong += not right and not answer.unsure


def attempt(reader: Reader, path: Path) -> ReaderResult | None:
    """What a reader says of a file; None if it refuses, whatever way it does so."""
    try:
        with warnings.catch_warnings(), patience():
            warnings.simplefilter("ignore")
            result = reader(path)
    except ImportError:
        raise
    except Exception:
        return None
    return result if isinstance(result, ReaderResult) else ReaderResult(result)


def bare(table: Rows) -> Rows:
    """The rows without blank ones and without empty cells at their ends."""
    stripped = [list(row) for row in table]
    for row in stripped:
        while row and not row[-1]:
            row.pop()
    return [row for row in stripped if row]


@contextmanager
def patience() -> Iterator[None]:
    """Raise TimeoutError in this thread after PATIENCE seconds."""

    def give_up(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def peers_installed() -> Iterator[None]:
    """A reader that is not installed is a peer that is missing."""
    try:
        yield
    except ImportError as lack:
        raise PeerMissing(f"{lack.name} is missing; run `uv sync --group bench`") from lack


def _texts(cells: Any) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]
