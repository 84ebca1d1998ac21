"""`entrepot files preview`: a few rows of a file, selected by columns and a condition."""

from typing import Annotated, Any

import typer

from entrepot_client.cli.arguments import FileArgument, VersionOption
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.terminal.columns import DATA


def register(files: typer.Typer) -> None:
    """Add the command to `entrepot files`."""
    example = 'Example: entrepot files preview orders.csv --where "amount > 100" --sort=-amount'
    files.command("preview", epilog=example)(preview)


def preview(
    ctx: typer.Context,
    file: FileArgument,
    columns: Annotated[
        str | None, typer.Option(help="Names with commas between them; otherwise all columns.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only rows that fulfil this condition, as in SQL.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help="Names with commas; a minus before a name sorts the largest value first."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="How many rows at most.", min=1, max=1000, show_default=True)
    ] = 20,
    offset: Annotated[int, typer.Option(help="Rows to skip.", min=0)] = 0,
    version: VersionOption = None,
) -> None:
    """Show some rows of a published version, each with its number in the file."""
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        with client.naming_version(file_id, version):
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
        empty="No row matches.",
        rules=DATA,
    )


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
