"""`entrepot admin backup` and `restore`."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from entrepot.backup.restore import check_snapshot, restore, temporary_restoration
from entrepot.backup.save import back_up
from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.data_folder import lock_data_folder, make_data_folder
from entrepot.cli.database_errors import explain_database_errors
from entrepot.cli.doctor import check_invariants
from entrepot.cli.start import open_installation
from entrepot.errors import StartRefused
from entrepot.settings import Settings, read_settings
from entrepot_client.cli.sizes import format_size

COVERAGE = {
    True: "database, bytes, secret",
    False: "bytes and secret; not the database, which pg_dump copies",
}
"""What a snapshot covers, by whether the database is SQLite."""


def back_up_and_verify(parts: Parts, folder: Path, keep: int, verify: bool) -> dict[str, str]:
    """Take a snapshot; with `verify` restore it aside and check every invariant.

    Raises StartRefused if an invariant does not hold in it.
    """
    result = back_up(parts, folder, keep)
    covers = COVERAGE[parts.settings.embedded]
    if parts.settings.secret is not None:
        covers += "; not the secret, which is in ENTREPOT_SECRET"
    record = {
        "snapshot": result.snapshot,
        "blobs": f"{result.blobs:,} ({format_size(result.blob_bytes)})",
        "copied": f"{result.copied:,} ({format_size(result.copied_bytes)})",
        "removed snapshots": str(result.removed_snapshots),
        "covers": covers,
    }
    if verify:
        record["verified"] = _verify(parts, folder, result.snapshot)
    return record


def restore_snapshot(folder: Path, snapshot: str | None, settings: Settings) -> dict[str, str]:
    """Restore a snapshot into an empty data folder. Raises StartRefused, before that is made."""
    if not settings.data.exists():
        check_snapshot(folder, snapshot)
    make_data_folder(settings.data)
    with (
        explain_database_errors(settings),
        lock_data_folder(settings.data, "a command", datetime.now(UTC)),
    ):
        result = restore(folder, snapshot, settings)
    with closing(open_installation(settings)):
        return {
            "installation": result.installation,
            "snapshot": result.snapshot,
            "blobs": f"{result.blobs:,} ({format_size(result.blob_bytes)})",
            "data folder": str(settings.data),
        }


def _verify(parts: Parts, folder: Path, snapshot: str) -> str:
    if not parts.settings.embedded:
        return "the pieces; restore the dump and the snapshot elsewhere to check the rest"
    with temporary_restoration(folder, snapshot) as data:
        overrides = {"secret": parts.settings.secret} if parts.settings.secret else {}
        settings = read_settings(data=data, **overrides)
        with closing(build_parts(settings)) as restored:
            results = list(check_invariants(restored))
    broken = [f"{result.name}: {result.detail}" for result in results if not result.ok]
    if broken:
        raise StartRefused(
            reason=f"The snapshot {snapshot} breaks {len(broken)} invariants. {'; '.join(broken)}"
        )
    return f"{len(results)} invariants hold"
