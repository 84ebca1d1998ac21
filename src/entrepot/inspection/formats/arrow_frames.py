"""Walk the messages of Arrow IPC before its reader does, and believe none of their lengths.

The reader allocates what a message claims, and an allocation that fails ends the process. So each
claim is compared with the bytes that are there, and each batch with the limit. Only lengths and
names are read here, by the layout of Message.fbs, Schema.fbs, RecordBatch and Footer in File.fbs
(format 1.0).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from entrepot.inspection.limits import MIB
from entrepot.inspection.table import SourceBroken, TooLarge
from entrepot_client.counts import counted

MAGIC = b"ARROW1"
CONTINUATION = 0xFFFFFFFF
CONTINUATION_BYTES = b"\xff" * 4
MAX_END_BYTES = 128
"""Between the last message of a file and its footer: twice the alignment that is recommended."""
MAX_METADATA_BYTES = 16 * MIB
"""Of one message: 1,600 for each of 10,000 columns, in the schema's."""
FIRST_MESSAGE = 8
"""Where the first message in a file may begin: after the mark, filled up to 8 bytes."""
MAX_ALIGNMENT_BYTES = 72
"""Between two messages: the mark of the end takes 8, and writers align to at most 64."""
SCHEMA, DICTIONARY, RECORDS = 1, 2, 3
"""Kinds of messages, as the union MessageHeader of Message.fbs counts them."""
TIMESTAMP = 10
"""As the union Type of Schema.fbs counts it."""


class _OutOfBounds(Exception):
    """A length or offset that leads out of what is there."""


@dataclass(frozen=True)
class _Table:
    """A table of a flatbuffer, at `at` in `data`."""

    data: bytes
    at: int

    def place(self, field: int) -> int | None:
        """Where the field stands, or None if it has its default."""
        back = _number(self.data, self.at, "<i")
        vtable = self.at - back
        if 4 + 2 * field >= _number(self.data, vtable, "<H"):
            return None
        offset = _number(self.data, vtable + 4 + 2 * field, "<H")
        return self.at + offset if offset else None

    def number(self, field: int, layout: str) -> int:
        """A number by its layout in `struct`, 0 by default."""
        place = self.place(field)
        return 0 if place is None else _number(self.data, place, layout)

    def table(self, field: int) -> "_Table | None":
        """The table that the field refers to."""
        place = self.place(field)
        return None if place is None else _Table(self.data, place + _number(self.data, place, "<I"))

    def tables(self, field: int) -> Iterator["_Table"]:
        """The tables of a vector."""
        place = self.place(field)
        if place is None:
            return
        start = place + _number(self.data, place, "<I")
        for at in range(start + 4, start + 4 + 4 * _number(self.data, start, "<I"), 4):
            yield _Table(self.data, at + _number(self.data, at, "<I"))

    def text(self, field: int) -> bytes:
        """The text that the field refers to; empty by default."""
        place = self.place(field)
        if place is None:
            return b""
        start = place + _number(self.data, place, "<I")
        return self.data[start + 4 : start + 4 + _number(self.data, start, "<I")]

    def structs(self, field: int, layout: str) -> Iterator[tuple[int, ...]]:
        """The structs of a vector."""
        place = self.place(field)
        if place is None:
            return iter(())
        start = place + _number(self.data, place, "<I")
        count, size = _number(self.data, start, "<I"), struct.calcsize(layout)
        if start + 4 + count * size > len(self.data):
            raise _OutOfBounds(
                f"a list of {counted(count, 'entry', 'entries')} in "
                f"{counted(len(self.data), 'byte')}"
            )
        return struct.iter_unpack(layout, self.data[start + 4 : start + 4 + count * size])


def _number(data: bytes, at: int, layout: str) -> int:
    if not 0 <= at <= len(data) - struct.calcsize(layout):
        raise _OutOfBounds(f"a place at {at:,} in {counted(len(data), 'byte')}")
    return int(struct.unpack_from(layout, data, at)[0])


def _root(data: bytes) -> _Table:
    return _Table(data, _number(data, 0, "<I"))


def _check_texts(schema: _Table) -> None:
    """Check that no name of a column, of a part of one or of a time zone has a NUL: the reader
    takes them as texts that end with one, and ends the process. Raises SourceBroken."""
    fields = [(number, each) for number, each in enumerate(schema.tables(1), start=1)]
    seen = 0
    while fields:
        number, field = fields.pop()
        seen += 1
        if 4 * seen > len(field.data):
            raise _OutOfBounds(f"more columns than {counted(len(field.data), 'byte')} can have")
        kind = field.table(3) if field.number(2, "<B") == TIMESTAMP else None
        if b"\0" in field.text(0) or (kind is not None and b"\0" in kind.text(1)):
            raise SourceBroken(f"the name or the time zone of its column {number:,} has a NUL")
        fields += [(number, each) for each in field.tables(5)]


def check_frames(path: Path, stream: bool, most: int) -> tuple[int, int]:
    """Walk all messages; returns how many rows their batches have, and their bytes, as they lie and
    unpacked. `most` is as many bytes as a batch may take with its dictionaries.

    Raises SourceBroken with the offset where a length is wrong or something follows the end, or for
    a batch that the footer does not list; TooLarge with the figures.
    """
    with path.open("rb") as file:
        walk = _Walk(file, file.seek(0, 2), most)
        if stream:
            walk.stream()
        else:
            walk.footer()
        return walk.rows, walk.unpacked


class _Walk:
    """The walk through one file of `size` bytes."""

    def __init__(self, file: BinaryIO, size: int, most: int) -> None:
        self._file = file
        self._size = size
        self._most = most
        self._dictionaries: dict[int, int] = {}
        self.rows = self.unpacked = 0

    def stream(self) -> None:
        """The messages one after the other, to the mark of the end or the end itself; nothing
        follows the mark."""
        at = 0
        while at < self._size:
            following = self.message(at)
            if following is None:
                end = at + (8 if self._read(at, 4) == CONTINUATION_BYTES else 4)
                if end != self._size:
                    raise SourceBroken(
                        f"its Arrow stream ends at byte {end:,}, and "
                        f"{counted(self._size - end, 'byte')} of other data after it"
                    )
                return
            at = following

    def footer(self) -> None:
        """The messages that the footer at the file's end points to. They follow each other, up to
        the footer: what it does not list would be rows that nobody reads."""
        # The file ends with the footer, its length in 4 bytes, and the mark in 6; it begins with
        # the mark, filled up to 8.
        tail = self._read(max(0, self._size - 10), 10)
        length = int.from_bytes(tail[:4], "little", signed=True)
        start = self._size - 10 - length
        if tail[4:] != MAGIC or length <= 0 or start < 8:
            raise SourceBroken(f"its Arrow footer does not fit, at byte {max(0, start):,}")
        try:
            footer = _root(self._read(start, length))
            if (schema := footer.table(1)) is not None:
                _check_texts(schema)
            blocks = sorted(chain(footer.structs(2, "<qi4xq"), footer.structs(3, "<qi4xq")))
        except _OutOfBounds as fault:
            raise SourceBroken(f"its Arrow footer at byte {start:,} has {fault}") from None
        end = None
        for offset, metadata, body in blocks:
            if (
                offset < FIRST_MESSAGE
                or metadata < 0
                or body < 0
                or offset + metadata + body > start
            ):
                raise SourceBroken(
                    f"its Arrow footer at byte {start:,} claims {counted(metadata + body, 'byte')} "
                    f"at byte {offset:,}, of {self._size:,}"
                )
            if end is not None and not end <= offset <= end + MAX_ALIGNMENT_BYTES:
                raise SourceBroken(f"its Arrow footer does not list what is at byte {end:,}")
            end = offset + metadata + body
            self.message(offset)
        if end is not None and (start > end + MAX_END_BYTES or self._is_filled(end, start)):
            raise SourceBroken(f"its Arrow footer at byte {start:,} does not follow its data")

    def _is_filled(self, at: int, end: int) -> bool:
        """Whether there is more than the mark of the stream's end, filled up."""
        return bool(self._read(at, end - at).strip(b"\xff\0"))

    def message(self, at: int) -> int | None:
        """Check the message at `at`; where the next one begins, None after the last."""
        start = at + 4
        length = int.from_bytes(self._read(at, 4), "little")
        if length == CONTINUATION:  # absent before version 0.15
            length = int.from_bytes(self._read(start, 4), "little", signed=True)
            start += 4
        if not length:
            return None
        if length < 0 or start + length > self._size:
            raise SourceBroken(self._beyond(at, "metadata", length))
        if length > MAX_METADATA_BYTES:
            raise TooLarge(
                f"{counted(length, 'byte')} of Arrow metadata; {MAX_METADATA_BYTES:,} are read"
            )
        try:
            message = _root(self._read(start, length))
            body = message.number(3, "<q")
            if body < 0 or start + length + body > self._size:
                raise SourceBroken(self._beyond(at, "a body", body))
            self._contents(message, start + length, body, at)
        except _OutOfBounds as fault:
            raise SourceBroken(f"its Arrow message at byte {at:,} has {fault}") from None
        return start + length + body

    def _contents(self, message: _Table, start: int, body: int, at: int) -> None:
        kind, header = message.number(1, "<B"), message.table(2)
        if kind == SCHEMA and header is not None:
            _check_texts(header)
        if kind not in (DICTIONARY, RECORDS) or header is None:
            return
        batch = header.table(1) if kind == DICTIONARY else header
        if batch is None:
            return
        if kind == RECORDS:
            self.rows += max(0, batch.number(0, "<q"))
        packed = batch.place(3) is not None
        taken = body
        for offset, length in batch.structs(2, "<qq"):
            if offset < 0 or length < 0 or offset + length > body:
                raise SourceBroken(self._beyond(at, "a buffer", length))
            if packed and length >= 8:
                claimed = int.from_bytes(self._read(start + offset, 8), "little", signed=True)
                taken += max(0, claimed)
        self.unpacked += taken
        if kind == DICTIONARY:
            number = header.number(0, "<q")
            before = self._dictionaries.get(number, 0) if header.number(2, "<B") else 0
            self._dictionaries[number] = taken = before + taken
        else:
            taken += sum(self._dictionaries.values())
        if taken > self._most:
            raise TooLarge(
                f"an Arrow batch of {counted(taken, 'byte')}; {self._most:,} are read at once"
            )

    def _beyond(self, at: int, what: str, length: int) -> str:
        return (
            f"its Arrow message at byte {at:,} claims {what} of {counted(length, 'byte')}, in a "
            f"file of {self._size:,}"
        )

    def _read(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        data = self._file.read(length)
        if len(data) < length:
            raise SourceBroken(f"its Arrow data is cut off at byte {at + len(data):,}")
        return data
