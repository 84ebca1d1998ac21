"""The forms that become visible together with a version: taken from its inspection, or from the
version whose bytes it has."""

import json
from dataclasses import dataclass

import structlog
from sqlalchemy import and_, select

from entrepot.blobs.store import BlobId, BlobStore, StoredBlob
from entrepot.db.tables import derivatives, inspections, versions
from entrepot.db.types import ReadConnection
from entrepot.errors import BlobMissing, StorageFull
from entrepot.files.derivative_space import EAGER
from entrepot.files.derivatives import NewForm
from entrepot.files.forms.store_output import new_blob_id, store_output
from entrepot.files.versions import UndecidedVersion
from entrepot.inspection.results import FormFiles, InspectedVersion
from entrepot.texts.json_text import JsonText

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EarlierParquet:
    """The Parquet of the version whose bytes a restored one has, with the profile of its
    columns."""

    blob_id: BlobId
    stored: StoredBlob
    columns: JsonText | None


def store_forms(
    store: BlobStore, inspected: InspectedVersion, files: FormFiles
) -> tuple[NewForm, ...]:
    """Take the forms that an inspection left in `files` into the store, durably.

    One that cannot be taken over is left out, and made by a run of its own: whatever fails here
    must not keep the version from being decided.
    """
    forms = []
    for form, converted in inspected.forms.items():
        if converted.verdict != "made":
            error = {"code": converted.verdict, "detail": converted.detail}
            forms.append(NewForm(form, error=error))
            continue
        if converted.detail:
            log.warning("derived in part", detail=converted.detail)
        try:
            blob_id, stored = store_output(store, files.path(form))
        except StorageFull as full:
            forms.append(NewForm(form, error={"code": "storage-full", "detail": str(full)}))
        except OSError as error:
            log.warning("a form could not be taken over", form=form, reason=str(error))
        else:
            forms.append(NewForm(form, blob_id, stored, converted.columns))
    return tuple(forms)


def find_earlier_parquet(conn: ReadConnection, version: UndecidedVersion) -> EarlierParquet | None:
    """The Parquet of the version that this one restores, if it is there."""
    this_form = and_(derivatives.c.version_id == versions.c.id, derivatives.c.form == EAGER)
    row = conn.execute(
        select(
            derivatives.c.blob_id, derivatives.c.size, derivatives.c.sha256, inspections.c.columns
        )
        .join(versions, this_form)
        .join(inspections, inspections.c.version_id == versions.c.id)
        .where(versions.c.file_id == version.file_id, versions.c.number == version.restored_from)
        .where(derivatives.c.status == "ready")
    ).one_or_none()
    if row is None:
        return None
    return EarlierParquet(BlobId(row.blob_id), StoredBlob(row.size, row.sha256), row.columns)


def link_parquet(store: BlobStore, earlier: EarlierParquet) -> NewForm | None:
    """The same bytes under an id of their own; None if they went meanwhile."""
    blob_id = new_blob_id()
    try:
        store.link(earlier.blob_id, blob_id, earlier.stored.size)
    except BlobMissing:
        return None
    columns = json.loads(earlier.columns) if earlier.columns is not None else None
    return NewForm(EAGER, blob_id, earlier.stored, columns)
