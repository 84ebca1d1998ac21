"""The end-of-file mark of CP/M and DOS: Ctrl-Z (0x1A) at the end of a text.

These systems filled the last block of a file with it, and programs such as dBase still write one.
Like a byte order mark it is a part of the encoding: no character of the last cell, and no line. A
Ctrl-Z before other text is a control character.
"""

from pathlib import Path

END_MARK = "\x1a"
MARK_BYTE = END_MARK.encode()
ENDING = b"\r\n\x00\x1a\x0c \t"
"""What may stand at the end of a text after its last character; NULs fill a block too."""
ENDING_CHARS = ENDING.decode()
TAIL_BYTES = 64 * 1024
"""Read at a time, from the end."""


def marked_bytes(path: Path) -> int:
    """How many bytes at the end of a text in UTF-8 are its end-of-file mark: from the first Ctrl-Z
    on that only such marks, NULs and blanks follow. Raises OSError."""
    size = end = path.stat().st_size
    marked = size
    with path.open("rb") as file:
        while end > 0:
            begin = max(0, end - TAIL_BYTES)
            file.seek(begin)
            block = file.read(end - begin)
            text = len(block.rstrip(ENDING))
            at = block.find(MARK_BYTE, text)
            marked = begin + at if at >= 0 else marked
            if text:
                break
            end = begin
    return size - marked


def without_end_mark(text: str) -> str:
    """A whole text without its end-of-file mark."""
    at = text.find(END_MARK, len(text.rstrip(ENDING_CHARS)))
    return text if at < 0 else text[:at]


def cut_end(path: Path, marked: int) -> None:
    """Take the last `marked` bytes off a file. Raises OSError."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - marked)
