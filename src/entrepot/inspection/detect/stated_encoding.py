"""A stated encoding beside the byte order mark of a file."""

from entrepot.inspection.detect.byte_order import byte_order
from entrepot.inspection.table import SourceBroken

WITH_ORDER = ("utf-16", "utf-32")
"""Encodings whose name leaves the order of bytes to the mark."""


def resolve_encoding(stated: str, bom: int, marked: str | None) -> str | None:
    """The encoding of a file that begins with `bom` bytes of a mark for `marked` (or with none, and
    `marked` is what its zeros suggest); None if the mark says another one than is stated.

    Without a mark a UTF-16 or UTF-32 whose order is not stated has the order that its zeros
    suggest, else the little one, as programs on Windows write.
    """
    if bom:
        orders = (f"{stated}-le", f"{stated}-be") if stated in WITH_ORDER else ()
        return marked if marked in (stated, *orders) else None
    if stated not in WITH_ORDER:
        return stated
    return marked if marked is not None and marked.startswith(stated) else f"{stated}-le"


def encoding_of(head: bytes, stated: str) -> tuple[int, str]:
    """The length of the mark at the file's beginning, and its encoding. Raises SourceBroken."""
    bom, marked = byte_order(head)
    name = resolve_encoding(stated, bom, marked)
    if name is None:
        reason = f"its byte order mark is that of {marked}, the contract states {stated}"
        raise SourceBroken(reason, "encoding-error")
    return bom, name
