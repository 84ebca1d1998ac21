"""`entrepot files`: list and show files; versions and sharing are in modules beside this one."""

from typing import Annotated

import typer

from entrepot_client.cli.commands import preview, sharing, versions, withdraw
from entrepot_client.cli.commands.sharing import RIGHTS
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size, size_option
from entrepot_client.models import File


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    files = typer.Typer(help="See and share the files that you own or are entitled to.")
    files.command("list", epilog="Example: entrepot files list --name orders --sort=-updated_at")(
        list_files
    )
    files.command(
        "show", epilog="Example: entrepot files show 53c9c295-83f4-4754-a781-cd03841c806f"
    )(show_file)
    preview.register(files)
    versions.register(files)
    withdraw.register(files)
    sharing.register(files)
    app.add_typer(files, name="files", epilog="Example: entrepot files list")


def list_files(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Option(help="Only names that contain this, in any case.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only this user's, ACCOUNT:USER.")] = None,
    entitlement: Annotated[
        str | None, typer.Option(help="owned: what you manage; shared: what others share with you.")
    ] = None,
    media_type: Annotated[str | None, typer.Option(help="Only of this media type.")] = None,
    enforced: Annotated[
        bool | None, typer.Option("--enforced/--free", help="Only with a schema, or without.")
    ] = None,
    published: Annotated[
        bool | None,
        typer.Option(
            "--published/--unpublished", help="Only with a version published, or without."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only updated since this day or time (RFC 3339), in UTC.")
    ] = None,
    min_size: Annotated[
        int | None,
        typer.Option(help="At least this, as 10MB.", parser=size_option, metavar="SIZE"),
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option(help="At most this, as 1GB.", parser=size_option, metavar="SIZE"),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help="created_at, updated_at, file_name or file_size; with a dash before it, backwards:"
            " --sort=-file_size."
        ),
    ] = None,
) -> None:
    """List the files that you own or are entitled to, oldest first."""
    output = output_of(ctx)
    filters = {
        "name": name,
        "user_name": owner,
        "entitlement": entitlement,
        "media_type": media_type,
        "enforced": _format_flag(enforced),
        "published": _format_flag(published),
        "updated_since": since,
        "min_size": str(min_size) if min_size else None,
        "max_size": str(max_size) if max_size else None,
    }
    with open_client(output) as client:
        file_list = list(client.files(**filters, sort=sort))
    filtered = any(filters.values())
    output.records(
        [file.document for file in file_list],
        quiet="file_id",
        columns=("file id", "name", "version", "size", "you may", "owner", "created"),
        rows=[_row(file) for file in file_list],
        empty="No file is like that."
        if filtered
        else "There are no files yet; `entrepot push PATH` makes one.",
    )


def show_file(
    ctx: typer.Context, file_id: Annotated[str, typer.Argument(help="The file's id.")]
) -> None:
    """Show one file: its contract and its newest version."""
    output = output_of(ctx)
    with open_client(output) as client:
        file = client.file(file_id)
    output.record(
        file.document,
        quiet="file_id",
        shown={
            "file id": file.file_id,
            "name": file.file_name,
            "description": file.file_description,
            "owner": file.user_name,
            "you may": RIGHTS.get(file.entitlement, file.entitlement),
            "version": _format_version(file),
            "size": _format_size(file.file_size),
            "size limit": _format_size(file.file_size_limit),
            "rows": "" if file.row_count is None else f"{file.row_count:,}",
            "SHA-256": file.sha256 or "",
            "created": file.created_at,
            "updated": file.updated_at or "",
        },
    )


def _format_flag(flag: bool | None) -> str | None:
    return None if flag is None else "true" if flag else "false"


def _row(file: File) -> tuple[str, ...]:
    return (
        file.file_id,
        file.file_name,
        _format_version(file),
        _format_size(file.file_size),
        RIGHTS.get(file.entitlement, file.entitlement),
        file.user_name,
        file.created_at,
    )


def _format_version(file: File) -> str:
    """The version's number. A user who may only deliver does not get it."""
    if file.version is None:
        return "" if file.entitlement == "w" else "none yet"
    return str(file.version)


def _format_size(size: int | None) -> str:
    return "" if size is None else format_size(size)
