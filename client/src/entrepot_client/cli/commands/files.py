"""`entrepot files`: list, show, change and delete files. Versions, sharing and previews are in the
modules beside this one."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot_client.cli.arguments import (
    EXAMPLE_FILE,
    EXAMPLE_ID,
    FileArgument,
    YesOption,
    check_id,
    confirm,
    file_address,
)
from entrepot_client.cli.commands import preview, sharing, versions, withdraw
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS
from entrepot_client.cli.output import Output, output_of, short_time
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size, size_option
from entrepot_client.counts import counted
from entrepot_client.models import Document, File

if TYPE_CHECKING:
    from entrepot_client.client import Client


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    files = typer.Typer(help="List, show, change, share and delete files.")
    for name, example, command in (
        ("list", "list --name orders --sort=-updated_at", list_files),
        ("show", "show orders.csv", show_file),
        ("edit", f"edit {EXAMPLE_FILE} --size-limit 200MB --keep-last 5", edit_file),
        ("rm", "rm orders.csv --version 3", remove),
        ("undelete", f"undelete {EXAMPLE_ID}", undelete),
    ):
        files.command(name, epilog=f"Example: entrepot files {example}")(command)
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
    folder: Annotated[
        str | None, typer.Option(help="Only below this folder: sales finds sales/orders.")
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
        typer.Option(help="At least this size, such as 10MB.", parser=size_option, metavar="SIZE"),
    ] = None,
    max_size: Annotated[
        int | None,
        typer.Option(help="At most this size, such as 1GB.", parser=size_option, metavar="SIZE"),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help="created_at, updated_at, file_name or file_size; with a dash before it, backwards:"
            " --sort=-file_size."
        ),
    ] = None,
) -> None:
    """List your files and those that are shared with you, oldest first."""
    output = output_of(ctx)
    filters = {
        "name": name,
        "folder": folder,
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
        columns=("name", "you may", "path", "version", "size", "owner", "created", "file id"),
        rows=[_row(file) for file in file_list],
        empty="No file matches."
        if filtered
        else "There are no files yet; `entrepot push PATH` makes one.",
    )


def show_file(ctx: typer.Context, file: FileArgument) -> None:
    """Show one file: its contract and its newest version."""
    output = output_of(ctx)
    with open_client(output) as client:
        print_file(client, client.file(client.find_id(file)), output)


def edit_file(
    ctx: typer.Context,
    file: FileArgument,
    name: Annotated[str | None, typer.Option(help="Its new name.", show_default=False)] = None,
    path: Annotated[
        str | None,
        typer.Option(
            help="Its address in the account, such as sales/2026/orders; '' removes it.",
            show_default=False,
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What the file is.")] = None,
    size_limit: Annotated[
        int | None,
        typer.Option(
            help="The most bytes that any version may have, such as 100MB.",
            parser=size_option,
            metavar="SIZE",
            show_default=False,
        ),
    ] = None,
    keep_last: Annotated[
        int | None,
        typer.Option("--keep-last", min=1, help="Keep this many published versions.", metavar="N"),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option("--keep-days", min=1, help="Keep versions this many days.", metavar="DAYS"),
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="Keep every version.")] = False,
) -> None:
    """Change the name, path, description, size limit or retention of a file.

    The current version is always kept. `entrepot schema set` changes the schema, and
    `entrepot files hand-over` the owner.
    """
    output = output_of(ctx)
    if sum((keep_last is not None, keep_days is not None, keep_all)) > 1:
        raise Failure(
            "--keep-last, --keep-days and --keep-all exclude each other.",
            "Give one of them.",
            ExitStatus.WRONG_USAGE,
        )
    options = {"file_name": name, "file_description": description, "file_size_limit": size_limit}
    changes: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    if path is not None:
        changes["path"] = path or None
    if keep_all:
        changes["retention"] = None
    elif keep_last is not None:
        changes["retention"] = {"keep_last": keep_last}
    elif keep_days is not None:
        changes["retention"] = {"days": keep_days}
    if not changes:
        raise Failure(
            "There is nothing to change.",
            "Give --name, --path, --description, --size-limit, --keep-last, --keep-days or "
            "--keep-all.",
            ExitStatus.WRONG_USAGE,
        )
    with open_client(output) as client:
        changed = client.change_file(client.find_id(file), **changes)
        if changed is not None:
            print_file(client, changed, output)


def remove(
    ctx: typer.Context,
    file: FileArgument,
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="Delete this version; otherwise the whole file."),
    ] = None,
    yes: YesOption = False,
) -> None:
    """Delete a file with all its versions, or one earlier version.

    `entrepot files undelete` undoes it for 7 days. The bytes count until then.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        details = client.file(client.find_id(file))
        what = details.file_name if version is None else f"version {version} of {details.file_name}"
        confirm(f"Delete {what}?", yes)
        deleted: Document
        if version is None:
            deleted = client.delete_file(details.file_id)
        else:
            with client.naming_version(details.file_id, version):
                deleted = client.delete_version(details.file_id, version)
    until = str(deleted.get("undo_until") or "")
    output.record(
        {"file_id": details.file_id, "version": version, "undo_until": until},
        quiet="file_id",
        shown={"deleted": what, "file id": details.file_id, "can be undone until": until},
    )
    number = "" if version is None else f" --version {version}"
    output.note(f"Undo it with `entrepot files undelete {details.file_id}{number}`.")


def undelete(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The id of the deleted file.")],
    version: Annotated[
        int | None,
        typer.Option("--version", min=1, help="Undelete this version of a file that is there."),
    ] = None,
) -> None:
    """Undo the deletion of a file, or of a version. Possible for 7 days."""
    output = output_of(ctx)
    with open_client(output) as client:
        if version is None:
            # A deleted file is on no list, so only its whole id finds it.
            check_id(
                file, "deleted file", "entrepot activity list --action file.delete --format json"
            )
            print_file(client, client.undelete_file(file), output)
            return
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
            document = client.undelete_version(file_id, version)
    output.record(
        {"file_id": file_id, **document},
        quiet="version",
        shown={"file id": file_id, "version": str(version), "status": str(document["status"])},
    )


def print_file(client: "Client", file: File, output: Output) -> None:
    """Print all that people want to know about a file."""
    document = file.document
    lines = {
        "file id": file.file_id,
        "name": file.file_name,
        "address": file_address(client, file),
        "description": file.file_description,
        "owner": file.user_name,
        "you may": ENTITLEMENT_LABELS.get(file.entitlement, file.entitlement),
        "version": _format_version(file),
        "exception": _format_exception(document.get("exception")),
        "schema": _format_contract(document),
        "retention": _format_retention(document),
        "offered to": str(document.get("offered_to") or ""),
        "size": _format_size(file.file_size),
        "size limit": _format_size(file.file_size_limit),
        "rows": "" if file.row_count is None else f"{file.row_count:,}",
        "SHA-256": file.sha256 or "",
        "created": file.created_at,
        "updated": file.updated_at or "",
    }
    fields = {label: text for label, text in lines.items() if text or label == "description"}
    output.record(document, quiet="file_id", shown=fields)


def _format_exception(exception: Document | None) -> str:
    """Why the current version is published although it breaks the contract."""
    if not exception:
        return ""
    reason = f": {exception['reason']}" if exception.get("reason") else ""
    when = short_time(str(exception.get("created_at") or ""), " UTC")
    return f"it breaks the contract; accepted by {exception.get('user_name')} on {when}{reason}"


def _format_contract(document: Document) -> str:
    if "enforce_schema" not in document:
        return ""
    if not document["enforce_schema"]:
        return "not enforced"
    fields = (document.get("schema") or {}).get("fields") or []
    return f"enforced, {counted(len(fields), 'column')}" if fields else "enforced"


def _format_retention(document: Document) -> str:
    if "retention" not in document:
        return ""
    rule = document["retention"] or {}
    if rule.get("keep_last"):
        return f"the last {counted(rule['keep_last'], 'version')}"
    return counted(rule["days"], "day") if rule.get("days") else "every version"


def _format_flag(flag: bool | None) -> str | None:
    return None if flag is None else "true" if flag else "false"


def _row(file: File) -> tuple[str, ...]:
    return (
        file.file_name,
        ENTITLEMENT_LABELS.get(file.entitlement, file.entitlement),
        file.path or "",
        _format_version(file),
        _format_size(file.file_size),
        file.user_name,
        file.created_at,
        file.file_id,
    )


def _format_version(file: File) -> str:
    """The version's number. A user who may only deliver does not get it."""
    if file.version is None:
        return "" if file.entitlement == "w" else "none yet"
    return str(file.version)


def _format_size(size: int | None) -> str:
    return "" if size is None else format_size(size)
