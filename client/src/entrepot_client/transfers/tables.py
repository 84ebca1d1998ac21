"""A published version as a table of a library. Only this module loads these optional libraries."""

import tempfile
from pathlib import Path
from typing import Any, Literal

from entrepot_client.errors import MissingPackage
from entrepot_client.transfers.download import DownloadRequest, download_file
from entrepot_client.transport import Transport

Into = Literal["arrow", "pandas", "polars"]


def read_table(
    transport: Transport, request: DownloadRequest, into: Into, columns: list[str] | None
) -> Any:
    """Fetch a version as Parquet, verify it, and load it. Raises MissingPackage, ValueError."""
    if into not in ("arrow", "pandas", "polars"):
        raise ValueError(f"into is 'arrow', 'pandas' or 'polars', not {into!r}.")
    library = _load(into)
    # Through a file: a table need not fit into memory twice.
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        path = Path(folder) / "table.parquet"
        download_file(transport, request, path, overwrite=False, progress=None)
        if into == "polars":
            return library.read_parquet(path, columns=columns, memory_map=False)
        table = library.read_table(path, columns=columns, memory_map=False)
        return table.to_pandas() if into == "pandas" else table


def _load(into: Into) -> Any:
    if into == "polars":
        try:
            import polars
        except ImportError as error:
            raise MissingPackage("polars", "To read a table into polars") from error
        return polars
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage("pyarrow", f"To read a table into {into}") from error
    if into == "pandas":
        try:
            import pandas  # noqa: F401
        except ImportError as error:
            raise MissingPackage("pandas", "To read a table into pandas") from error
    return pyarrow.parquet
