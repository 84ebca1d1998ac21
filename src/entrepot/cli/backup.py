"""`entrepot admin backup` and `restore`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from entrepot.backup.folder import BackupFolder
from entrepot.backup.restore import restore, temporary_restoration
from entrepot.backup.save import back_up
from entrepot.backup.use_folder import hold_for_backup, hold_for_restoration
from entrepot.bootstrap.backup_mark import refuse_backups
from entrepot.bootstrap.identity import read_identity
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.data_folder import hold_data_folder
from entrepot.cli.database_errors import explain_database_errors
from entrepot.cli.doctor import check_invariants
from entrepot.cli.start import open_installation
from entrepot.errors import StartRefused, StorageFull
from entrepot.settings import Settings, read_settings
from entrepot_client.cli.sizes import format_size
from entrepot_client.counts import counted

COVERAGE = {
    True: "database, bytes, secret",
    False: "bytes and secret; not the database, which pg_dump copies",
}
"""What a snapshot covers, by whether the database is SQLite."""


def back_up_and_verify(parts: Parts, folder: Path, keep: int, verify: bool) -> dict[str, str]:
    """Take a snapshot; with `verify` restore it aside and check every invariant.

    Raises StartRefused if an invariant does not hold in it.
    """
    owner = parts.database.read(read_identity)
    assert owner is not None  # a command opens no installation without one
    with (
        explain_disk_errors("The back-up", "The next one uses what was copied"),
        hold_for_backup(folder, parts.settings, owner.id) as backup,
    ):
        result = back_up(parts, backup, keep)
        verified = {"verified": _verify(parts, backup, result.snapshot)} if verify else {}
    covers = COVERAGE[parts.settings.embedded]
    if parts.settings.secret is not None:
        covers += "; not the secret, which is in ENTREPOT_SECRET"
    return {
        "snapshot": result.snapshot,
        "blobs": f"{result.blobs:,} ({format_size(result.blob_bytes)})",
        "copied": f"{result.copied:,} ({format_size(result.copied_bytes)})",
        "removed snapshots": str(result.removed_snapshots),
        "covers": covers,
        **verified,
    }


def restore_snapshot(folder: Path, snapshot: str | None, settings: Settings) -> dict[str, str]:
    """Restore a snapshot into an empty data folder. Raises StartRefused; then the folder is as
    before, unless bytes were restored already."""
    with (
        explain_disk_errors("The restoration", "The same command continues"),
        hold_for_restoration(folder) as backup,
    ):
        refuse_backups(settings)
        with (
            explain_database_errors(settings),
            hold_data_folder(settings, "a command", datetime.now(UTC)),
        ):
            result = restore(backup, snapshot, settings)
    with closing(open_installation(settings)):
        return {
            "installation": result.installation,
            "snapshot": result.snapshot,
            "blobs": f"{result.blobs:,} ({format_size(result.blob_bytes)})",
            "data folder": str(settings.data),
        }


@contextmanager
def explain_disk_errors(act: str, then: str) -> Iterator[None]:
    """Turn what a disk refuses in the block into StartRefused, with what can be done."""
    try:
        yield
    except StorageFull as full:
        raise StartRefused(reason=f"{act} stopped: {full} {then}.") from None
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise StartRefused(
            reason=f"{act} stopped: {error.strerror or error}{place}. Make room on the disk, "
            f"or mend what the message names. {then}."
        ) from None


def _verify(parts: Parts, backup: BackupFolder, snapshot: str) -> str:
    if not parts.settings.embedded:
        return "the pieces; restore the dump and the snapshot elsewhere to check the rest"
    with temporary_restoration(backup, snapshot) as data:
        overrides = {"secret": parts.settings.secret} if parts.settings.secret else {}
        settings = read_settings(data=data, **overrides)
        with closing(build_parts(settings)) as restored:
            results = list(check_invariants(restored))
    broken = [f"{result.name}: {result.detail}" for result in results if not result.ok]
    if broken:
        raise StartRefused(
            reason=f"The snapshot {snapshot} breaks {counted(len(broken), 'invariant')}. "
            f"{'; '.join(broken)}"
        )
    return f"{counted(len(results), 'invariant')} hold"
