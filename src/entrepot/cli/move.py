"""`entrepot admin move`."""

from contextlib import closing
from datetime import UTC, datetime

from pydantic import SecretStr

from entrepot.bootstrap.parts import build_parts
from entrepot.cli.data_folder import lock_data_folder
from entrepot.cli.database_errors import explain_database_errors
from entrepot.cli.doctor import check_invariants
from entrepot.cli.logs import configure_logs
from entrepot.cli.start import refuse_missing_installation
from entrepot.errors import StartRefused
from entrepot.move.copy_tables import BATCH_ROWS
from entrepot.move.move import move_installation
from entrepot.settings import POSTGRESQL_SCHEMES, Settings
from entrepot.settings.addresses import parse_store_address


def move_to_postgresql(
    source: Settings, address: str, batch_rows: int = BATCH_ROWS, store: str | None = None
) -> dict[str, str]:
    """Move the database, and the bytes if a `store` is named; what was copied. Raises
    StartRefused."""
    configure_logs(source)
    if not source.embedded:
        raise StartRefused(
            reason="The installation is on PostgreSQL already: ENTREPOT_DATABASE, or `database` in "
            "entrepot.toml, is set. Unset it for this command to move from SQLite."
        )
    if not address.startswith(POSTGRESQL_SCHEMES):
        raise StartRefused(
            reason="--to must be the address of a PostgreSQL database, such as "
            "postgresql://entrepot@db.example.com:5432/entrepot."
        )
    target = source.model_copy(update={"database": SecretStr(address)})
    if store is not None:
        try:
            target = target.model_copy(update={"store": parse_store_address(store)})
        except ValueError as error:
            raise StartRefused(reason=f"--store {error}.") from None
    refuse_missing_installation(source)
    with (
        lock_data_folder(source.data, "a move to PostgreSQL", datetime.now(UTC)),
        explain_database_errors(target),
    ):
        moved = move_installation(source, target, _breaches, batch_rows)
    copied = moved.copied
    bytes_copied = (
        {}
        if copied is None
        else {
            "store": str(store),
            "blobs": f"{copied.blobs:,}",
            "blob_bytes": f"{copied.blob_bytes:,}",
        }
    )
    settings = "ENTREPOT_DATABASE" if copied is None else "ENTREPOT_DATABASE and ENTREPOT_STORE"
    return {
        "database": moved.database,
        "installation": str(moved.installation),
        "tables": str(moved.tables),
        "rows": f"{moved.rows:,}",
        **bytes_copied,
        "next": f"set {settings} to these addresses, and start the server",
    }


def _breaches(settings: Settings) -> list[str]:
    """The invariants that do not hold: what `doctor --deep` would find."""
    with closing(build_parts(settings)) as parts:
        return [f"{each.name}: {each.detail}" for each in check_invariants(parts) if not each.ok]
