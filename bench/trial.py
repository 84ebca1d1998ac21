"""What every measure gets: how large, how often, and where its files may lie."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trial:
    """`size` in bytes of large transfers; `pairs` of rounds; a `folder` that is removed after.

    `long_size` is the size in bytes of the memory measure's transfers; `idle` the seconds over
    which an idle server is watched; `small` the number of small deliveries; `files` the number
    of files in the long listing.
    """

    folder: Path
    size: int
    long_size: int
    pairs: int
    idle: float
    small: int
    files: int
