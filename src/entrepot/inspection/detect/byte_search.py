"""Searches in the bytes of a file, block by block."""

from pathlib import Path

from entrepot.inspection.detect.byte_scan import BLOCK_BYTES


def occurs(path: Path, mark: bytes) -> bool:
    """Whether the byte `mark` stands in the file. Raises OSError."""
    with path.open("rb") as file:
        return any(mark in block for block in iter(lambda: file.read(BLOCK_BYTES), b""))


def has_blank_lines(path: Path) -> bool:
    """Whether a line of the text is blank, but for those at its end; needed where a blank line
    is not known from the count of rows, since a row is one cell. Raises OSError."""
    seam = b"\n"
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            joined = (seam + block).replace(b"\r", b"")
            at = joined.find(b"\n\n")
            if at >= 0 and (joined[at:].strip() or file.read(BLOCK_BYTES).strip()):
                return True
            seam = joined[-1:]
    return False
