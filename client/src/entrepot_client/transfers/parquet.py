"""Write a table of any library that speaks Arrow as Parquet, and name the column that cannot be."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from entrepot_client.errors import ClientError, MissingPackage, UnknownSource


class _OneColumn(NamedTuple):
    """A column of a table, as a table of its own."""

    name: str
    kind: str
    table: Any


def write_parquet(table: Any, path: Path) -> None:
    """Write a table with the Arrow PyCapsule interface as Parquet. Raises MissingPackage,
    UnknownSource, OSError."""
    try:
        _write(table, path)
    except (ClientError, OSError, MemoryError):
        raise
    except Exception as error:  # each library has its own, and pandas and pyarrow have many
        raise _explain_error(table, error) from error


def _write(table: Any, path: Path) -> None:
    polars = sys.modules.get("polars")
    if polars is not None and isinstance(table, polars.DataFrame):
        # pyarrow cannot decode dictionaries of views, as which polars gives Categorical and Enum.
        table.write_parquet(path)
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        try:
            import polars as pl
        except ImportError as error:
            raise MissingPackage("pyarrow", "To push a table") from error
        pl.DataFrame(table).write_parquet(path)
        return
    reader = pa.RecordBatchReader.from_stream(table)
    for field in reader.schema:
        # Parquet would have a number in place of a period, and two in place of an interval.
        if getattr(field.type, "extension_name", "").startswith("pandas."):
            kind = field.type.extension_name
            raise _unknown_column(field.name, kind, "Parquet has no such type.")
    # Batch by batch: a stream may be larger than memory.
    with pq.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def _explain_error(table: Any, error: Exception) -> ClientError:
    """The error of a library in our words, with the column that it is about if one alone fails."""
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        for column in _columns(table):
            try:
                _write(column.table, Path(folder) / "column")
            except Exception as own_error:
                return _unknown_column(column.name, column.kind, _first_sentence(own_error))
    kind = type(table).__name__
    return UnknownSource(source=f"an object of the type {kind} as a table ({error})")


def _unknown_column(name: str, kind: str, reason: str) -> UnknownSource:
    return UnknownSource(
        source=f"the column {name!r} of the type {kind}",
        advice="Convert it to text or another type of Parquet, as .astype(str) does in pandas, or"
        f" leave it out. {reason}",
    )


def _columns(table: Any) -> Iterator[_OneColumn]:
    """The columns of a table of pandas, polars or pyarrow; none of a stream, which is read once."""
    if hasattr(table, "iloc") and hasattr(table, "dtypes") and hasattr(table, "columns"):
        for at, name in enumerate(table.columns):
            yield _OneColumn(str(name), str(table.dtypes.iloc[at]), table.iloc[:, [at]])
    elif hasattr(table, "column_names") and hasattr(table, "schema"):
        for at, field in enumerate(table.schema):
            yield _OneColumn(field.name, str(field.type), table.select([at]))
    elif hasattr(table, "columns") and hasattr(table, "schema"):
        for name, kind in dict(table.schema).items():
            yield _OneColumn(name, str(kind), table.select(name))


def _first_sentence(error: Exception) -> str:
    text = str(error.args[0] if error.args else error).strip().split("\n")[0].rstrip(" .")
    return f"{text[:1].upper()}{text[1:]}."
