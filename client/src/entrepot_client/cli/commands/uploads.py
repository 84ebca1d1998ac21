"""`entrepot uploads`: uploads under way, yours and those to your files."""

from typing import Annotated

import typer

from entrepot_client.cli.arguments import check_id
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size

EXAMPLE_ID = "5f0c64ae-2a6e-4a0b-9a39-2c1f3ac3bf9d"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    uploads = typer.Typer(help="List and end uploads under way.")
    for name, example, command in (
        ("list", "list", list_uploads),
        ("rm", f"rm {EXAMPLE_ID}", end_upload),
    ):
        uploads.command(name, epilog=f"Example: entrepot uploads {example}")(command)
    app.add_typer(uploads, name="uploads", epilog="Example: entrepot uploads list")


def list_uploads(ctx: typer.Context) -> None:
    """List your uploads under way and those to your files; an admin sees all of the account."""
    output = output_of(ctx)
    with open_client(output) as client:
        uploads = list(client.uploads())
    output.records(
        uploads,
        quiet="upload_id",
        columns=("upload id", "file", "received", "user", "reserved", "since"),
        rows=[
            (
                str(each["upload_id"]),
                str(each.get("file_name") or "a new file"),
                _received(each.get("received"), each.get("size")),
                str(each.get("user_name") or ""),
                format_size(each["reserved"]),
                str(each["created_at"]),
            )
            for each in uploads
        ],
        empty="No uploads are under way.",
    )


def end_upload(
    ctx: typer.Context, upload_id: Annotated[str, typer.Argument(help="The upload's id.")]
) -> None:
    """End an upload: its bytes are removed, and its quota is free again."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.end_upload(check_id(upload_id, "upload", "entrepot uploads list"))
    output.record(
        {"upload_id": upload_id, "status": "ended"},
        quiet="upload_id",
        shown={"upload id": upload_id, "status": "ended"},
    )


def _received(received: int | None, size: int | None) -> str:
    if received is None or size is None:
        return "in one request"
    return f"{format_size(received)} of {format_size(size)}"
