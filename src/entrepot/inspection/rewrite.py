"""Write an irregular text anew so that the engine reads it without any guess.

Every cell is quoted, every row starts with its number, its physical line, its count of cells
and its surplus cells. Costs one pass of Python's csv module, and only for texts that need it.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from entrepot.inspection.dialect import Dialect
from entrepot.inspection.progress import Progress
from entrepot.inspection.survey import Survey

LISTED = 1_000
BATCH = 2_000
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Rewritten:
    """`damaged` lists (row, line, byte offset) of rows with undecodable bytes, up to a bound."""

    rows: int
    damaged_rows: int
    damaged: tuple[tuple[int, int, int | None], ...]


def rewrite(
    source: Path, survey: Survey, dialect: Dialect, width: int, target: Path, progress: Progress
) -> Rewritten:
    """Copy the data rows of `source` to `target` in UTF-8. The header row is left out.

    Raises csv.Error where not even Python's reader can split the text, OSError when the
    scratch folder is full.
    """
    size = max(1, source.stat().st_size)
    damaged: list[tuple[int, int, int | None]] = []
    damaged_rows = rows = 0
    # The survey does not decode UTF-16 and UTF-32: their damage shows here.
    suspect = survey.damaged or survey.encoding.startswith(("utf-16", "utf-32"))
    with (
        source.open("rb") as raw,
        io.TextIOWrapper(raw, survey.encoding, errors="replace", newline="") as text,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        raw.seek(survey.bom)
        writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        batch: list[list[object]] = []
        for number, line, cells in _records(text, dialect):
            if suspect and any(REPLACEMENT in cell for cell in cells):
                damaged_rows += 1
                if len(damaged) < LISTED:
                    damaged.append((number, line, None))
            if number == 1 and dialect.header:
                continue
            rows += 1
            count = len(cells)
            extra = json.dumps(cells[width:]) if count > width else ""
            padding = [""] * (width - count)
            batch.append([number, line, count, extra, *cells[:width], *padding])
            if len(batch) >= BATCH:
                writer.writerows(batch)
                batch.clear()
                progress.at(raw.tell() / size)
        writer.writerows(batch)
    return Rewritten(rows, damaged_rows, tuple(damaged))


def _records(text: io.TextIOWrapper, dialect: Dialect) -> Iterator[tuple[int, int, list[str]]]:
    reader = csv.reader(text, **dialect.reader_options())
    line = 1
    for number, cells in enumerate(reader, start=1):
        yield number, line, cells
        line = reader.line_num + 1
