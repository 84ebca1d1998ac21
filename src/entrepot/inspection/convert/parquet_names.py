"""Give the columns of a Parquet file names that the engine cannot write.

The engine takes names that differ in case alone for the same, and renames all but one of them. Here
they are written into the footer (Parquet format 2.11, `FileMetaData`), in Thrift's compact
protocol: what it has besides names is written back as it was read. Libraries for Thrift need the
definition of each field, and lose those that theirs lacks; those for Parquet write the whole file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class _Type:
    """The types of values as the compact protocol counts them. All others are integers: Parquet has
    no maps."""

    TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


DOUBLE_BYTES = 8
LONG_FORM = 15
"""In place of a difference of field numbers, or of a count, that takes more than four bits."""
MAGIC = b"PAR1"
END_BYTES = 8
"""The length of the footer, and the magic."""
SCHEMA, ROW_GROUPS = 2, 4
"""Fields of `FileMetaData`."""
NAME, CHILDREN = 4, 5
"""Fields of `SchemaElement`."""
COLUMNS, METADATA, PATH = 1, 3, 3
"""Fields of `RowGroup`, `ColumnChunk` and `ColumnMetaData`."""


@dataclass
class _Field:
    """A field of a struct: its number, the type and the value. A list is the type of its items and
    the items; numbers are as they are encoded."""

    number: int
    type: int
    value: Any


Fields = list[_Field]


def rename_columns(path: Path, names: Sequence[str]) -> None:
    """Rename the columns of the Parquet file that the engine wrote at `path`, in their order.
    Raises OSError."""
    with path.open("r+b") as file:
        size = file.seek(-END_BYTES, 2) + END_BYTES
        length = int.from_bytes(file.read(4), "little")
        start = size - END_BYTES - length
        file.seek(start)
        metadata = _Reader(file.read(length)).struct()
        _rename(metadata, [name.encode() for name in names])
        footer = bytearray()
        _write_struct(footer, metadata)
        file.seek(start)
        file.truncate()
        file.write(footer + len(footer).to_bytes(4, "little") + MAGIC)


def _value(fields: Fields, number: int) -> Any:
    return next((field.value for field in fields if field.number == number), None)


def _rename(metadata: Fields, names: Sequence[bytes]) -> None:
    _, elements = _value(metadata, SCHEMA)
    columns = iter(names)
    new_names: list[bytes] = []  # of each leaf, in the order of the chunks
    below = 0
    for element in elements[1:]:
        children = (_value(element, CHILDREN) or 0) >> 1  # a zigzag integer
        if not below:
            name = next(columns)
            for field in element:
                field.value = name if field.number == NAME else field.value
            below = 1
        below += children - 1
        if not children:
            new_names.append(name)
    for group in _value(metadata, ROW_GROUPS)[1]:
        for chunk, name in zip(_value(group, COLUMNS)[1], new_names, strict=True):
            _value(_value(chunk, METADATA), PATH)[1][0] = name


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self) -> Fields:
        fields: Fields = []
        number = 0
        while head := self._byte():
            step = head >> 4
            number = number + step if step else self._zigzag()
            fields.append(_Field(number, head & 15, self._read(head & 15)))
        return fields

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _bytes(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def _read(self, kind: int, item: bool = False) -> Any:  # noqa: PLR0911 (a row per type)
        match kind:
            case _Type.TRUE | _Type.FALSE:  # a field's value is its type, an item's is a byte
                return self._byte() if item else None
            case _Type.BYTE:
                return self._byte()
            case _Type.DOUBLE:
                return self._bytes(DOUBLE_BYTES)
            case _Type.BINARY:
                return self._bytes(self._varint())
            case _Type.LIST | _Type.SET:
                head = self._byte()
                count = head >> 4 if head >> 4 < LONG_FORM else self._varint()
                return head & 15, [self._read(head & 15, item=True) for _ in range(count)]
            case _Type.STRUCT:
                return self.struct()
            case _:
                return self._varint()


def _write_struct(out: bytearray, fields: Fields) -> None:
    number = 0
    for field in fields:
        step = field.number - number
        if 0 < step <= LONG_FORM:
            out.append(step << 4 | field.type)
        else:
            out.append(field.type)
            _write_varint(out, field.number << 1 ^ field.number >> 31)
        number = field.number
        _write(out, field.type, field.value)
    out.append(0)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write(out: bytearray, kind: int, value: Any, item: bool = False) -> None:
    match kind:
        case _Type.TRUE | _Type.FALSE:
            if item:
                out.append(value)
        case _Type.BYTE:
            out.append(value)
        case _Type.DOUBLE:
            out += value
        case _Type.BINARY:
            _write_varint(out, len(value))
            out += value
        case _Type.LIST | _Type.SET:
            of, items = value
            if len(items) < LONG_FORM:
                out.append(len(items) << 4 | of)
            else:
                out.append(LONG_FORM << 4 | of)
                _write_varint(out, len(items))
            for each in items:
                _write(out, of, each, item=True)
        case _Type.STRUCT:
            _write_struct(out, value)
        case _:
            _write_varint(out, value)
