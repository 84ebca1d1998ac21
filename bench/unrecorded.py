"""Entrepot that records neither reads nor changes: `python -m bench.unrecorded serve …`.

There is no such switch in the product. What the record costs is the difference to this.
"""

from typing import Any

from entrepot.activity import chain, reads, record
from entrepot_client.cli.entry_point import main


def nothing(*_: Any, **__: Any) -> None:
    """What is recorded."""


if __name__ == "__main__":
    # The processes of the server are forks of this one and do the same.
    reads.ReadBuffer.add = nothing  # type: ignore[method-assign]
    chain.append_rows = nothing
    record.append = nothing  # type: ignore[attr-defined]
    main()
