"""Unpack a compressed input into the scratch folder: gzip (RFC 1952) and Zstandard (RFC 8878).

Streamed in small pieces. Members of one gzip file and frames of one Zstandard file follow each
other and make one content. What is unpacked may itself be packed, up to `MAX_LAYERS` layers.
"""

import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from entrepot_client.counts import counted

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.table import SourceBroken, TooLarge

MAX_LAYERS = 3
"""Compressions of one file around one another; people make two by mistake."""
MARK_BYTES = 4
"""How many bytes tell what compression follows."""
PIECE_BYTES = 64 * 1024
"""Taken in, and given out, at a time: so is memory bounded whatever the file claims."""
UNPACKED_STEP_BYTES = 1 << 20
"""Written between two reports of how much has been unpacked."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
SKIPPABLE = tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))
"""A frame of Zstandard that holds no content; it may come first."""
SUFFIXES = {"gzip": (".gz", ".gzip"), "zstd": (".zst", ".zstd")}


@dataclass(frozen=True)
class Unpacked:
    """The plain content at `path`, with the name that it had inside; `compression` names the
    layers, the outermost first, and is empty where the input was not compressed."""

    path: Path
    file_name: str
    compression: tuple[str, ...]
    size: int


def compression_of(head: bytes) -> str | None:
    """The compression that the first bytes of a file name, or None."""
    if head.startswith(GZIP):
        return "gzip"
    return "zstd" if head.startswith((ZSTD, *SKIPPABLE)) else None


def is_packed(path: Path) -> bool:
    """Whether the file at `path` is compressed as a whole."""
    return _layer_of(path) is not None


def unpack(path: Path, file_name: str, context: InspectionContext) -> Unpacked:
    """Take all layers of compression off the file at `path`.

    Raises SourceBroken with the offset of what is damaged or cut off, and TooLarge where the
    content passes `limits.unpacked` bytes or grows as only a bomb does.
    """
    stored = path.stat().st_size
    layers: list[str] = []
    current = path
    while layer := _layer_of(current):
        if len(layers) == MAX_LAYERS:
            raise TooLarge(
                f"compressed more than {MAX_LAYERS} times over; {MAX_LAYERS} layers are read"
            )
        target = context.scratch / f"unpacked-{len(layers)}"
        with current.open("rb") as source, target.open("wb") as out:
            _unpack_layer(layer, source, out, stored, context)
        if layers:
            current.unlink()
        current = target
        layers.append(layer)
        suffix = Path(file_name).suffix.lower()
        file_name = file_name[: -len(suffix)] if suffix in SUFFIXES[layer] else file_name
    return Unpacked(current, file_name, tuple(layers), current.stat().st_size)


def _layer_of(path: Path) -> str | None:
    with path.open("rb") as file:
        return compression_of(file.read(MARK_BYTES))


def _unpack_layer(
    layer: str, source: BinaryIO, out: BinaryIO, stored: int, context: InspectionContext
) -> None:
    limits = context.limits
    size = max(1, source.seek(0, 2))
    source.seek(0)
    written = 0
    for piece in _pieces(layer, source):
        written += len(piece)
        if written > limits.unpacked:
            raise TooLarge(
                f"{counted(stored, 'byte')} unpack to more than {limits.unpacked:,}, which is the "
                "limit"
            )
        if written > limits.free_expansion and written > limits.expansion * stored:
            raise TooLarge(
                f"{counted(stored, 'byte')} unpack to {written:,} and more: beyond "
                f"{counted(limits.free_expansion, 'byte')}, {limits.expansion:,} times the size is "
                "the limit"
            )
        out.write(piece)
        if written // UNPACKED_STEP_BYTES != (written - len(piece)) // UNPACKED_STEP_BYTES:
            context.progress.unpacked(written)
        context.progress.at(source.tell() / size)
    context.progress.unpacked(written)


def _pieces(layer: str, source: BinaryIO) -> Iterator[bytes]:
    """The content, one member or frame after the other, in pieces of a bounded size."""
    data = source.read(PIECE_BYTES)
    while data:
        if len(data) < MARK_BYTES:
            data += source.read(PIECE_BYTES)
        if compression_of(data) != layer:
            end = source.tell() - len(data)
            rest = source.seek(0, 2) - end
            raise SourceBroken(
                f"its {layer} data ends at byte {end:,}, and {counted(rest, 'byte')} of other data"
                " after it"
            )
        part: _Gzip | _Zstd = _Gzip() if layer == "gzip" else _Zstd()
        while not part.over:
            if part.hungry and not data:
                data = source.read(PIECE_BYTES)
                if not data:
                    raise SourceBroken(
                        f"its {layer} data is cut off: the file ends after "
                        f"{counted(source.tell(), 'byte')}, before its data does"
                    )
            try:
                piece = part.feed(data)
            except (zlib.error, zstd.ZstdError) as error:
                if "too much memory" in str(error):
                    raise TooLarge("a Zstandard window larger than 128 MiB") from None
                place = f"between bytes {source.tell() - len(data):,} and {source.tell():,}"
                reason = str(error).rpartition(": ")[2]
                raise SourceBroken(f"its {layer} data is damaged {place} ({reason})") from None
            data = b""
            if piece:
                yield piece
        data = part.rest or source.read(PIECE_BYTES)
        while data and layer == "gzip" and not data.strip(b"\0"):
            data = source.read(
                PIECE_BYTES
            )  # zeros behind the end, as tapes and block devices leave


class _Gzip:
    """One member of a gzip file. `hungry`: it gives no more without more input."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)  # gzip with the largest window
        self.hungry = True

    def feed(self, data: bytes) -> bytes:
        """The next piece. Give `data` once, then nothing until it is hungry."""
        piece = self._member.decompress(self._member.unconsumed_tail + data, PIECE_BYTES)
        self.hungry = not self._member.unconsumed_tail and len(piece) < PIECE_BYTES
        return piece

    @property
    def over(self) -> bool:
        """Whether the member has ended, its checksum included."""
        return self._member.eof

    @property
    def rest(self) -> bytes:
        """The input behind the member's end."""
        return self._member.unused_data


class _Zstd:
    """One frame of a Zstandard file, used like `_Gzip`."""

    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor()

    def feed(self, data: bytes) -> bytes:
        """The next piece. Give `data` once, then nothing until it is hungry."""
        return self._frame.decompress(data, PIECE_BYTES)

    @property
    def hungry(self) -> bool:
        """Whether it gives no more without more input."""
        return self._frame.needs_input

    @property
    def over(self) -> bool:
        """Whether the frame has ended."""
        return self._frame.eof

    @property
    def rest(self) -> bytes:
        """The input behind the frame's end."""
        return self._frame.unused_data
