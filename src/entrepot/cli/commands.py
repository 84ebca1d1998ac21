"""The server's commands of the program `entrepot`, loaded by entry point.

Heavy modules are imported inside the commands, since this module is loaded at each start.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.admin_commands import register_people
from entrepot.cli.command_base import DataOption, command, installation, translate_errors
from entrepot.cli.loading import fork_servers_loading, load_logs
from entrepot.loading import quick_imports
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import output_of

if TYPE_CHECKING:
    from entrepot.settings import Settings

PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to listen on, 8080 by default; 0: any.")
]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
SWEPT = {
    "reservations": "reservations released",
    "unfinished": "interrupted writes removed",
    "expired": "expired blobs removed",
    "orphans": "unnamed blobs moved to the trash",
    "stranded": "lost tasks ended",
    "unused": "unused forms removed",
    "replies": "replies to repeated requests removed",
    "retained": "versions deleted by retention",
    "purged": "deleted files removed",
    "uploads": "expired uploads ended",
    "drafts": "drafts removed",
    "released": "released blobs removed",
    "recovered": "blobs recovered from the trash",
    "emptied": "blobs of the trash removed",
}
"""What a sweep did, by its names in `files.sweep.SweepResult`."""


def register(app: typer.Typer) -> None:
    """Add `serve`, `demo`, `doctor`, `compare` and `admin` to the program."""
    command(app, "serve", "entrepot serve --data /srv/entrepot --port 8080")(serve)
    command(app, "demo", "entrepot demo --port 8090")(demo)
    command(app, "doctor", "entrepot doctor --deep")(doctor)
    command(app, "compare", "entrepot compare old.csv new.csv --key id")(compare)
    admin = typer.Typer(
        name="admin",
        help="Manage accounts, users, keys, backups and upgrades.",
        epilog="Example: entrepot admin account create acme --quota 10GB",
        rich_markup_mode=None,
        no_args_is_help=True,
    )
    command(admin, "init", "entrepot admin init --data /srv/entrepot")(init)
    command(admin, "backup", "entrepot admin backup /backup/entrepot --verify")(backup)
    command(admin, "restore", "entrepot admin restore /backup/entrepot --data /srv/new")(restore)
    command(admin, "sweep", "entrepot admin sweep")(sweep)
    command(admin, "migrate", "entrepot admin migrate")(migrate)
    command(admin, "move", "entrepot admin move --to postgresql://entrepot@db/entrepot")(move)
    register_people(admin)
    app.add_typer(admin)


def serve(
    ctx: typer.Context,
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    role: Annotated[str | None, typer.Option(help="all, api or worker.")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql://…, without a password; by default SQLite.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|s3://…", help="Where bytes are stored; by default the data folder."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Run the server. One data folder has everything, or the database is PostgreSQL."""
    with quick_imports():
        load_logs()
        from entrepot.settings import read_settings

    with translate_errors():
        _refuse_password(database)
        settings = read_settings(
            data=data,
            host=host,
            port=port,
            role=role,
            database=database,
            store=store,
            workers=workers,
        )
        status = _serve(settings, output_of(ctx).line)
    raise typer.Exit(status)


def demo(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The data folder; by default `entrepot-demo` where programs of this user keep"
            " their data, such as ~/.local/share/entrepot-demo.",
        ),
    ] = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Run a server with an account, a key and sample files. Ctrl-C ends it."""
    with quick_imports():
        load_logs()
        from entrepot.settings import read_settings
        from entrepot.settings.folders import demo_folder

    with translate_errors():
        settings = read_settings(data=data, host=host, port=port)
        if "data" not in settings.model_fields_set:
            settings = settings.model_copy(update={"data": demo_folder()})
        if "log_level" not in settings.model_fields_set:
            settings = settings.model_copy(update={"log_level": "warning"})
        status = _serve(settings, output_of(ctx).line, demo=True)
        if not status:
            # Below what the terminal shows for Ctrl-C.
            output_of(ctx).line(f"\nThe demo has ended. Its data is kept in {settings.data}.")
    raise typer.Exit(status)


def _serve(settings: "Settings", print_line: Callable[[str], None], demo: bool = False) -> int:
    """The rest of the server loads while fork servers do."""
    os.umask(0o077)  # no file that this server or a process of its makes is anybody else's to read
    with fork_servers_loading(settings) as fork_servers:
        with quick_imports():
            from entrepot.cli.serve import serve

        return serve(settings, print_line, fork_servers, demo)


def compare(
    ctx: typer.Context,
    before: Annotated[Path, typer.Argument(help="The earlier table.", exists=True)],
    after: Annotated[Path, typer.Argument(help="The later one.", exists=True)],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A column of the key; may be repeated."),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Rows shown of each kind.")] = 10,
) -> None:
    """Compare two tables on this machine: columns and rows.

    With a key, a row whose other cells differ is changed; without one it is removed and added.
    Exit status 0: the same; 1: they differ; 2 and more: they could not be compared.
    """
    output_of(ctx).failed_status = ExitStatus.WRONG_USAGE
    from entrepot.inspection.local import compare_files
    from entrepot_client.cli.comparison import show_comparison
    from entrepot_client.cli.schema_file import require_regular_file

    for path in (before, after):
        require_regular_file(path)
    with translate_errors():
        comparison = compare_files(before, after, tuple(key or ()), examples)
    if comparison.verdict != "compared":
        raise Failure(
            comparison.detail, "Check that both are tables, and the --key.", ExitStatus.FAILED
        )
    show_comparison(output_of(ctx), {**vars(comparison), "same": comparison.same})
    if not comparison.same:
        raise typer.Exit(ExitStatus.FAILED)


def doctor(
    ctx: typer.Context,
    data: DataOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="Check every invariant.")] = False,
) -> None:
    """Check settings, database, disk, sandbox and inspections. Exit status 1 if one is wrong."""
    from entrepot.cli.doctor import run_checks, summarize_checks

    with installation(data) as parts:
        results = list(run_checks(parts, deep))
    output_of(ctx).records(
        [vars(result) for result in results],
        quiet="name",
        columns=("check", "state", "what was seen"),
        rows=[(result.name, result.state, result.detail) for result in results],
        empty="Nothing to check.",
    )
    output_of(ctx).note(summarize_checks(results))
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def init(ctx: typer.Context, data: DataOption = None) -> None:
    """Create an installation: data folder, database, secret. A first `serve` does this too."""
    from entrepot.cli.logs import configure_logs
    from entrepot.cli.start import create_installation
    from entrepot.settings import read_settings

    with translate_errors():
        settings = read_settings(data=data, log_level="warning")
        configure_logs(settings)
        identity = create_installation(settings)
    record = {"installation": str(identity.id), "data folder": str(settings.data)}
    output_of(ctx).record(record, quiet="installation", shown=record)


def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of back-ups.")],
    keep: Annotated[int, typer.Option(min=1, help="How many snapshots stay.")] = 7,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Restore it into a temporary folder, and check every invariant."
        ),
    ] = False,
    data: DataOption = None,
) -> None:
    """Take a snapshot, also while the server runs. Only new bytes are copied.

    On PostgreSQL it has the bytes and the secret, not the database: dump that first, with pg_dump.
    """
    from entrepot.cli.backup import back_up_and_verify

    with installation(data) as parts:
        result = back_up_and_verify(parts, folder, keep, verify)
    output_of(ctx).record(result, quiet="snapshot", shown=result)


def restore(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of back-ups.")],
    snapshot: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which one; the newest if not given.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Restore a snapshot into an empty data folder. Nothing is written if a piece is missing."""
    from entrepot.cli.backup import restore_snapshot
    from entrepot.settings import read_settings

    with translate_errors():
        result = restore_snapshot(folder, snapshot, read_settings(data=data, log_level="warning"))
    output_of(ctx).record(result, quiet="installation", shown=result)


def sweep(
    ctx: typer.Context,
    data: DataOption = None,
    max_orphans: Annotated[
        int | None,
        typer.Option(min=0, help="Remove up to this many blobs that the database does not name."),
    ] = None,
) -> None:
    """Remove what was interrupted or has expired. A running server does this too."""
    from entrepot.files.sweep import sweep as run

    with installation(data) as parts:
        counts = vars(run(parts.database, parts.store, parts.clock, max_orphans=max_orphans))
    fields = {label: f"{counts[name]:,}" for name, label in SWEPT.items() if counts[name]}
    output_of(ctx).record(counts, quiet="orphans", shown=fields)
    if not fields:
        output_of(ctx).note("There was nothing to remove.")


def migrate(ctx: typer.Context, data: DataOption = None) -> None:
    """Migrate the database to this release; a start does this too."""
    from entrepot.migrations.revisions import current_revision

    with installation(data) as parts:
        record = {"revision": current_revision(parts.database) or ""}
    output_of(ctx).record(record, quiet="revision", shown=record)


def move(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="An empty PostgreSQL database; its password is in ~/.pgpass.",
        ),
    ],
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="DIR|s3://…", help="Copy the bytes too, into this empty store."
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Copy the SQLite database to PostgreSQL, and check the copy. No server may run meanwhile.

    The original is not changed. Run it again if it was cut off: it continues.
    """
    from entrepot.cli.move import move_to_postgresql
    from entrepot.settings import read_settings

    with translate_errors():
        _refuse_password(to, "Write it into ~/.pgpass, or set PGPASSWORD.")
        settings = read_settings(data=data, log_level="warning")
        result = move_to_postgresql(settings, to, store=store)
    output_of(ctx).record(result, quiet="database", shown=result)


def _refuse_password(database: str | None, advice: str = "Set ENTREPOT_DATABASE instead.") -> None:
    if database is None:
        return
    from entrepot.db.engine import has_password
    from entrepot.errors import StartRefused

    if has_password(database):
        raise StartRefused(
            reason=f"A password on the command line can be read by every process. {advice}"
        )
