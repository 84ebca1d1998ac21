"""Write the checked Parquet of a version as Arrow IPC, batch by batch.

arro3 does both halves, without the engine in between: the engine's own Arrow stream lets nobody
choose the rows of a batch, and takes 131,072 on one thread, which is 1.5 GB of 1,500 columns.
"""

import io
import json
from pathlib import Path
from typing import Any

from arro3.core import RecordBatch, RecordBatchReader, Schema
from arro3.io import read_parquet, write_ipc

from entrepot.inspection.formats.arrow import arro3_error
from entrepot.inspection.limits import rows_per_group
from entrepot.inspection.stored_parquet import NAMES_KEY


class _OutputFile(io.FileIO):
    """A file that keeps the error of a write: arro3 passes on its text alone."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def _with_own_names(batches: RecordBatchReader) -> RecordBatchReader:
    """The batches with the names that the engine could not write into the Parquet."""
    schema = batches.schema
    listed = (schema.metadata or {}).get(NAMES_KEY.encode())
    if listed is None:
        return batches
    fields = [schema.field(n).with_name(name) for n, name in enumerate(json.loads(listed))]
    named = Schema(fields)
    renamed = (RecordBatch.from_arrays(batch.columns, schema=named) for batch in batches)
    return RecordBatchReader.from_batches(named, renamed)


def write_arrow(parquet: Path, target: Path) -> None:
    """Write an Arrow IPC file (the format with a footer, which readers can map and seek in).

    Not compressed: a reader that maps a compressed file has to unpack it into memory first.
    Raises SourceBroken for a malformed Parquet file, OSError for a file that cannot be written.
    """
    with _OutputFile(target, "w") as sink:
        try:
            columns = len(read_parquet(str(parquet)).schema)
            batches = _with_own_names(
                read_parquet(str(parquet), batch_size=rows_per_group(columns))
            )
            write_ipc(batches, sink, compression=None)
        except BaseException as error:
            raise sink.error or arro3_error(error, "Parquet") from None
