"""Where rows lie in the file: physical lines and byte offsets, for the rows that are listed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from entrepot.inspection.csv.source import CsvSource, open_lines
from entrepot.inspection.detect.byte_scan import BLOCK_BYTES
from entrepot.inspection.detect.byte_search import occurs
from entrepot.inspection.detect.transcode import is_ebcdic

UNIT = {"utf-16-le": (2, 0), "utf-16-be": (2, 1), "utf-32-le": (4, 0), "utf-32-be": (4, 3)}
"""Bytes of a code unit, and where in it the byte of an ASCII character stands."""
AS_ASCII = bytes.maketrans(b"\x25\x15\n", b"\n\n\0")
"""The line ends of EBCDIC as those of ASCII, and the line end of ASCII as another byte."""
LINE_KEYS = {"rowNumber": "lineNumber", "earlierRowNumber": "earlierLineNumber"}
"""The keys of an error that count rows, and those for the lines on which these rows begin."""


def locate_errors(errors: list[dict[str, Any]], path: Path, source: CsvSource) -> None:
    """Give each error with a row its `lineNumber` and `byteOffset` in the file `path`, and the
    line of the row that it repeats, in place."""
    unplaced = {
        error[row]
        for error in errors
        for row, line in LINE_KEYS.items()
        if row in error and line not in error
    }
    lines = lines_of_rows(source, unplaced)
    for error in errors:
        for row, line in LINE_KEYS.items():
            if error.get(row) in lines and line not in error:
                error[line] = lines[error[row]]
    numbers = {error["lineNumber"] for error in errors if "lineNumber" in error}
    byte_scan = source.original
    offsets = offsets_of_lines(path, numbers, byte_scan.bom, byte_scan.encoding.name, source.splits)
    for error in errors:
        if error.get("lineNumber") in offsets:
            error["byteOffset"] = offsets[error["lineNumber"]]


def lines_of_rows(source: CsvSource, rows: Iterable[int]) -> dict[int, int]:
    """The physical line on which each of `rows` begins (records from 1, header included), in a text
    that was scanned in place. Raises OSError."""
    numbers = set(rows)
    lines: dict[int, int] = {}
    if not numbers:
        return lines
    last = max(numbers)
    decision = source.decision
    start, quote = decision.layout.start, decision.dialect.quote.encode()
    # In a text that was scanned in place, only quotes make a record of several lines.
    if start < min(len(decision.records), *numbers) and not (quote and occurs(source.path, quote)):
        shift = decision.records[start][0] - (start + 1)
        return {number: number + shift for number in numbers}
    with open_lines(source) as (text, _):
        records = decision.lexer().records(text, decision.first_line)
        for number, (line, _, _) in enumerate(records, start=1):
            if number in numbers:
                lines[number] = line
            if number >= last:
                break
    return lines


def offsets_of_lines(
    path: Path, lines: Iterable[int], bom: int, encoding: str = "utf-8", splits: str = "\n"
) -> dict[int, int]:
    """The byte offset at which each physical line begins. `splits`: "\\n" for lines that end in
    LF or CRLF, "" for those that may end in CR too."""
    pending = sorted(set(lines), reverse=True)
    offsets: dict[int, int] = {}
    while pending and pending[-1] <= 1:
        offsets[pending.pop()] = bom
    size, place = UNIT.get(encoding, (1, 0))
    table = AS_ASCII if is_ebcdic(encoding) else None
    line, base = 1, bom
    with path.open("rb") as file:
        file.seek(bom)
        rest = b""
        while pending and (block := file.read(BLOCK_BYTES)):
            data = rest + block
            # A CR at the end may be half of a CRLF, which is one line end.
            keep = len(data) % size or (size if data[-size:][place : place + 1] == b"\r" else 0)
            rest, data = data[len(data) - keep :], data[: len(data) - keep]
            units = data[place::size] if size > 1 else data.translate(table) if table else data
            if splits == "":
                units = units.replace(b"\r\n", b"\0\n").replace(b"\r", b"\n")
            if size > 1:
                units = _without_others(units, data, size, place)
            ends = units.count(b"\n")
            position = 0
            while pending and pending[-1] <= line + ends:
                while line < pending[-1]:
                    position = units.index(b"\n", position) + 1
                    line += 1
                    ends -= 1
                offsets[pending.pop()] = base + position * size
            line += units.count(b"\n", position)
            base += len(data)
    return offsets


def _without_others(units: bytes, data: bytes, size: int, place: int) -> bytes:
    """The low bytes of code units, but those of characters that only look like line ends."""
    others = [data[n::size] for n in range(size) if n != place]
    if not any(other.strip(b"\0") for other in others):
        return units
    kept = bytearray(units)
    for mark in (b"\n", b"\r"):
        at = units.find(mark)
        while at >= 0:
            if any(other[at] for other in others):
                kept[at] = 0
            at = units.find(mark, at + 1)
    return bytes(kept)
