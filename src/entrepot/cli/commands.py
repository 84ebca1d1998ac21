"""The server's commands of the program `entrepot`, loaded by entry point.

Heavy modules are imported inside the commands, since this module is loaded at each start.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.loading import collection_paused
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import output_of
from entrepot_client.cli.sizes import format_size, size_option, span_option

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data folder.", show_default=False),
]
PortOption = Annotated[int | None, typer.Option("--port", help="Port to listen on; 0: any.")]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
QuotaOption = Annotated[
    int, typer.Option("--quota", parser=size_option, metavar="SIZE", help="Like 10GB.")
]


def register(app: typer.Typer) -> None:
    """Add `serve`, `demo`, `doctor`, `compare` and `admin` to the program."""
    command(app, "serve", "entrepot serve --data /srv/entrepot --port 8080")(serve)
    command(app, "demo", "entrepot demo --port 8080")(demo)
    command(app, "doctor", "entrepot doctor --deep")(doctor)
    command(app, "compare", "entrepot compare old.csv new.csv --key id")(compare)
    admin = typer.Typer(
        name="admin", help="An operator's acts.", rich_markup_mode=None, no_args_is_help=True
    )
    account, user, key = (
        typer.Typer(name=name, help=text, rich_markup_mode=None, no_args_is_help=True)
        for name, text in (
            ("account", "Accounts: the tenants."),
            ("user", "Users of accounts."),
            ("key", "API keys."),
        )
    )
    command(account, "create", "entrepot admin account create acme --quota 10GB")(account_create)
    command(account, "list", "entrepot admin account list")(account_list)
    command(account, "set", "entrepot admin account set acme --quota 20GB")(account_set)
    command(user, "create", "entrepot admin user create acme:maria --role admin")(user_create)
    command(user, "password", "entrepot admin user password acme:maria")(user_password)
    command(key, "create", "entrepot admin key create acme:maria --expires 90d")(key_create)
    command(admin, "init", "entrepot admin init --data /srv/entrepot")(init)
    command(admin, "backup", "entrepot admin backup /backup/entrepot --verify")(backup)
    command(admin, "restore", "entrepot admin restore /backup/entrepot --data /srv/new")(restore)
    command(admin, "sweep", "entrepot admin sweep")(sweep)
    command(admin, "migrate", "entrepot admin migrate")(migrate)
    for group in (account, user, key):
        admin.add_typer(group)
    app.add_typer(admin)


def command(app: typer.Typer, name: str, example: str) -> Callable[[Any], Any]:
    """Register a command with its example, which `--help` shows."""
    return app.command(name, epilog=f"Example: {example}")


def serve(
    ctx: typer.Context,
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
    role: Annotated[str | None, typer.Option(help="all, api or worker.")] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql://…, without a password; else SQLite.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Run the server on one data folder, or a part of it on PostgreSQL."""
    with collection_paused():
        from entrepot.cli.serve import serve as run
        from entrepot.settings import read_settings

    with translate_errors():
        _refuse_password(database)
        settings = read_settings(
            data=data, host=host, port=port, role=role, database=database, workers=workers
        )
        status = run(settings, output_of(ctx).line)
    raise typer.Exit(status)


def demo(
    ctx: typer.Context,
    data: DataOption = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Run a full server with an account, a key and sample files; Ctrl-C ends it."""
    with collection_paused():
        from entrepot.cli.data_folder import demo_folder
        from entrepot.cli.serve import serve_demo
        from entrepot.settings import read_settings

    with translate_errors():
        settings = read_settings(data=data, host=host, port=port)
        if "data" not in settings.model_fields_set:
            settings = settings.model_copy(update={"data": demo_folder()})
        if "log_level" not in settings.model_fields_set:
            settings = settings.model_copy(update={"log_level": "warning"})
        status = serve_demo(settings, output_of(ctx).line)
    raise typer.Exit(status)


def compare(
    ctx: typer.Context,
    before: Annotated[Path, typer.Argument(help="The earlier table.", exists=True)],
    after: Annotated[Path, typer.Argument(help="The later one.", exists=True)],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="COLUMN", help="A column of the key; may come repeatedly."),
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
    """Look at settings, database, disk, sandbox and inspections; exit 1 if something is wrong."""
    from entrepot.cli.doctor import run_checks

    with installation(data) as parts:
        results = list(run_checks(parts, deep))
    output_of(ctx).records(
        [vars(result) for result in results],
        quiet="name",
        columns=("check", "", "what was seen"),
        rows=[(result.name, result.state, result.detail) for result in results],
        empty="Nothing to check.",
    )
    if not all(result.ok for result in results):
        raise typer.Exit(1)


def account_create(
    ctx: typer.Context, name: str, quota: QuotaOption, data: DataOption = None
) -> None:
    """Make an account."""
    from entrepot.cli import admin

    with installation(data) as parts:
        _show_account(ctx, admin.account_create(parts, name, quota))


def account_set(ctx: typer.Context, name: str, quota: QuotaOption, data: DataOption = None) -> None:
    """Change an account's quota."""
    from entrepot.cli import admin

    with installation(data) as parts:
        _show_account(ctx, admin.account_set(parts, name, quota))


def account_list(ctx: typer.Context, data: DataOption = None) -> None:
    """List the accounts."""
    from entrepot.cli import admin

    with installation(data) as parts:
        accounts = admin.account_list(parts)
    figures = ("quota", "used", "reserved")
    output_of(ctx).records(
        accounts,
        quiet="account",
        columns=("account", *figures),
        rows=[(row["account"], *(format_size(row[name]) for name in figures)) for row in accounts],
        empty="There is no account yet.",
    )


def user_create(
    ctx: typer.Context,
    user_name: Annotated[str, typer.Argument(metavar="ACCOUNT:USER")],
    role: Annotated[str, typer.Option(help="member or admin.")] = "member",
    data: DataOption = None,
) -> None:
    """Make a user of an account."""
    from entrepot.cli import admin

    with installation(data) as parts:
        user = admin.user_create(parts, user_name, role)
    output_of(ctx).record(user, quiet="user_name", shown=user)


def user_password(
    ctx: typer.Context,
    user_name: Annotated[str, typer.Argument(metavar="ACCOUNT:USER")],
    data: DataOption = None,
) -> None:
    """Give a user a password to sign in with; it is asked for, or read from a pipe."""
    from entrepot.cli import admin

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with installation(data) as parts:
        user = admin.user_password(parts, user_name, password)
    output_of(ctx).record(user, quiet="user_name", shown=user)


def key_create(
    ctx: typer.Context,
    user_name: Annotated[str, typer.Argument(metavar="ACCOUNT:USER")],
    scopes: Annotated[str, typer.Option(help="Of read, write, admin.")] = "read,write",
    expires: Annotated[
        timedelta | None, typer.Option(parser=span_option, metavar="SPAN", help="Like 90d.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    data: DataOption = None,
) -> None:
    """Make an API key. It is shown this once."""
    from entrepot.cli import admin

    with installation(data) as parts:
        key = admin.key_create(parts, user_name, scopes, expires, name)
    fields = {"API key": key["api_key"], "scopes": ",".join(key["scopes"])}
    output_of(ctx).record(key, quiet="api_key", shown=fields)


def init(ctx: typer.Context, data: DataOption = None) -> None:
    """Create an installation: data folder, database, secret. A first `serve` does so by itself."""
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
        bool, typer.Option("--verify", help="Restore it aside and check every invariant.")
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
    """Remove what was cut off or has expired; a running server does so by itself."""
    from entrepot.files.sweep import sweep as run

    with installation(data) as parts:
        counts = vars(run(parts.database, parts.store, parts.clock, max_orphans=max_orphans))
    output_of(ctx).record(
        counts, quiet="orphans", shown={name: str(count) for name, count in counts.items()}
    )


def migrate(ctx: typer.Context, data: DataOption = None) -> None:
    """Bring the database to this release; a start does so by itself."""
    from entrepot.migrations.run import current_revision

    with installation(data) as parts:
        record = {"revision": current_revision(parts.database) or ""}
    output_of(ctx).record(record, quiet="revision", shown=record)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn domain errors into the program's two sentences and exit statuses."""
    from entrepot.errors import EntrepotError, NotFound, StartRefused

    try:
        yield
    except NotFound:
        raise Failure(
            "There is no such account or user.",
            "See `entrepot admin account list`.",
            ExitStatus.NOT_FOUND,
        ) from None
    except StartRefused as refused:
        what, _, do = str(refused).partition(". ")
        raise Failure(what.rstrip(".") + ".", do) from None
    except EntrepotError as error:
        raise Failure(str(error), figures=error.figures()) from error


@contextmanager
def installation(data: Path | None) -> Iterator[Any]:
    """The parts of the installation in `data`, for one command."""
    from entrepot.cli.database_errors import explain_database_errors
    from entrepot.cli.logs import configure_logs
    from entrepot.cli.start import open_installation
    from entrepot.settings import read_settings

    with translate_errors():
        settings = read_settings(data=data, log_level="warning")
        configure_logs(settings)
        with explain_database_errors(settings), closing(open_installation(settings)) as parts:
            yield parts


def _refuse_password(database: str | None) -> None:
    from sqlalchemy import make_url

    from entrepot.errors import StartRefused

    if database is not None and make_url(database).password:
        raise StartRefused(
            reason="A password on the command line can be read by every process. "
            "Set ENTREPOT_DATABASE instead."
        )


def _show_account(ctx: typer.Context, account: dict[str, Any]) -> None:
    fields = {
        "account": account["account"],
        **{name: format_size(account[name]) for name in ("quota", "used", "reserved")},
    }
    output_of(ctx).record(account, quiet="account", shown=fields)
