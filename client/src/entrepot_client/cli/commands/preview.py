"""`entrepot files preview`: a few rows of a file, selected by columns and a condition."""

from typing import Annotated, Any

import typer

from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client

_EXAMPLE_ID = "53c9c295-83f4-4754-a781-cd03841c806f"


def register(files: typer.Typer) -> None:
    """Add the command to `entrepot files`."""
    example = f'Example: entrepot files preview {_EXAMPLE_ID} --where "amount > 100" --sort=-amount'
    files.command("preview", epilog=example)(preview)


def preview(
    ctx: typer.Context,
    file_id: Annotated[str, typer.Argument(metavar="FILE_ID", help="The file's id.")],
    columns: Annotated[
        str | None, typer.Option(help="Names with commas between them; otherwise all columns.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="A condition that rows keep, as in SQL.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option(help="Names with commas; a minus before one sorts downwards.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="How many rows at most.", min=1, max=1000, show_default=True)
    ] = 20,
    offset: Annotated[int, typer.Option(help="Rows to skip.", min=0)] = 0,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="This version; otherwise the newest.")
    ] = None,
) -> None:
    """Show some rows of a published version, each with its number in the file."""
    output = output_of(ctx)
    with open_client(output) as client:
        page = client.preview(
            file_id,
            columns=columns,
            where=where,
            order_by=sort,
            limit=limit,
            offset=offset,
            version=version,
        )
    names = [str(column["name"]) for column in page["columns"]]
    output.records(
        [
            {"_row": row["_row"], "values": dict(zip(names, row["values"], strict=True))}
            for row in page["rows"]
        ],
        quiet="_row",
        columns=("row", *names),
        rows=[(str(row["_row"]), *map(_format_cell, row["values"])) for row in page["rows"]],
        empty="There is no such row.",
    )


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
