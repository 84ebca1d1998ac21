"""Where rows lie in the file: physical lines and byte offsets, for the rows that are listed."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from entrepot.inspection.dialect import Dialect
from entrepot.inspection.survey import BLOCK, Survey

ONE_BYTE_NEWLINES = frozenset({"utf-8", "cp1252", "latin-1"})


def locate_errors(
    errors: list[dict[str, Any]], path: Path, survey: Survey, dialect: Dialect
) -> None:
    """Give each error with a row its `lineNumber` and `byteOffset`, in place."""
    unplaced = {e["rowNumber"] for e in errors if "rowNumber" in e and "lineNumber" not in e}
    lines = lines_of_rows(path, survey, dialect, unplaced)
    for error in errors:
        if error.get("rowNumber") in lines and "lineNumber" not in error:
            error["lineNumber"] = lines[error["rowNumber"]]
    if survey.encoding in ONE_BYTE_NEWLINES and survey.newline != "\r":
        numbers = {error["lineNumber"] for error in errors if "lineNumber" in error}
        offsets = offsets_of_lines(path, numbers, survey.bom)
        for error in errors:
            if error.get("lineNumber") in offsets:
                error["byteOffset"] = offsets[error["lineNumber"]]


def lines_of_rows(
    path: Path, survey: Survey, dialect: Dialect, rows: Iterable[int]
) -> dict[int, int]:
    """The physical line on which each of `rows` begins (records from 1, header included)."""
    wanted = set(rows)
    found: dict[int, int] = {}
    if not wanted:
        return found
    last = max(wanted)
    with (
        path.open("rb") as raw,
        io.TextIOWrapper(raw, survey.encoding, errors="replace", newline="") as text,
    ):
        raw.seek(survey.bom)
        reader = csv.reader(text, **dialect.reader_options())
        line = 1
        for number, _ in enumerate(reader, start=1):
            if number in wanted:
                found[number] = line
            if number >= last:
                break
            line = reader.line_num + 1
    return found


def offsets_of_lines(path: Path, lines: Iterable[int], bom: int) -> dict[int, int]:
    """The byte offset at which each physical line begins; lines end in LF or CRLF."""
    wanted = sorted(set(lines), reverse=True)
    found: dict[int, int] = {}
    line, base = 1, 0
    while wanted and wanted[-1] <= 1:
        found[wanted.pop()] = bom
    with path.open("rb") as file:
        while wanted and (block := file.read(BLOCK)):
            ends = block.count(b"\n")
            position = 0
            while wanted and wanted[-1] <= line + ends:
                while line < wanted[-1]:
                    position = block.index(b"\n", position) + 1
                    line += 1
                    ends -= 1
                found[wanted.pop()] = base + position
            line += block.count(b"\n", position)
            base += len(block)
    return found
