"""A kind of hostile file or contract, which can be made of any size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Contract = dict[str, Any]


@dataclass(frozen=True)
class GrowingKind:
    """Files called `file_name`, whose content of size `n` is `content(n)`, judged by `contract(n)`
    if that is set. `size` is an `n` at which the file takes a noticeable part of a second."""

    file_name: str
    size: int
    content: Callable[[int], bytes]
    contract: Callable[[int], Contract] | None = None
