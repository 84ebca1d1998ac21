"""`entrepot links`: links with which anybody reads a file or delivers to it, without an account."""

import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from entrepot_client.cli.arguments import (
    EXAMPLE_ID,
    FileArgument,
    VersionOption,
    YesOption,
    check_id,
    confirm,
)
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import span_option, time_after
from entrepot_client.counts import counted
from entrepot_client.models import Document


class LinkKind(StrEnum):
    """What a link allows."""

    READ = "read"
    DELIVER = "deliver"


class LinkForm(StrEnum):
    """The form in which a link reads a file."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    ARROW = "arrow"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    links = typer.Typer(help="Create, list and revoke links to files, for guests.")
    for name, example, command in (
        ("create", "create orders.csv deliver --name Supplier --expires 7d", create_link),
        ("list", "list orders.csv", list_links),
        ("revoke", f"revoke orders.csv {EXAMPLE_ID}", revoke_link),
    ):
        links.command(name, epilog=f"Example: entrepot links {example}")(command)
    app.add_typer(links, name="links", epilog="Example: entrepot links list orders.csv")


def create_link(
    ctx: typer.Context,
    file: FileArgument,
    kind: Annotated[
        LinkKind,
        typer.Argument(help="What it is for: to read the file, or to deliver to it."),
    ],
    name: Annotated[
        str, typer.Option(help="Who gets it. The list of links and the activity show it.")
    ] = "",
    form: Annotated[
        LinkForm | None,
        typer.Option(
            "--as", help="The form in which it is read; as delivered when it is left out."
        ),
    ] = None,
    version: VersionOption = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            help="When it ends by itself, such as 12h or 7d; 30 days from now when it is left out.",
            parser=span_option,
            metavar="SPAN",
            show_default=False,
        ),
    ] = None,
    uses: Annotated[
        int | None,
        typer.Option(
            min=1, help="How often it can be used: downloads, or deliveries that are not rejected."
        ),
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password, or read it from stdin.")
    ] = False,
) -> None:
    """Create a link, and show it once."""
    output = output_of(ctx)
    with open_client(output) as client:
        link = client.create_link(
            client.find_id(file),
            kind.value,
            name=name,
            format=form.value if form is not None else None,
            version=version,
            expires_at=time_after(expires),
            max_uses=uses,
            password=_read_password() if password else None,
        )
    output.record(
        link,
        quiet="url",
        shown={
            "link": str(link["url"]),
            "link id": str(link["link_id"]),
            "allows": _allowed(link),
            "used": _uses(link),
            "ends": str(link["expires_at"]),
        },
    )
    output.note("Copy the link now: it is not shown again.")


def list_links(ctx: typer.Context, file: FileArgument) -> None:
    """List the links to a file. For its owner and the account's admins."""
    output = output_of(ctx)
    with open_client(output) as client:
        links = list(client.links(client.find_id(file)))
    output.records(
        links,
        quiet="link_id",
        columns=("link id", "name", "allows", "state", "ends", "used", "starts with", "made by"),
        rows=[
            (
                str(link["link_id"]),
                str(link["name"]),
                _allowed(link),
                str(link["state"]).replace("_", " "),
                str(link["expires_at"]),
                _uses(link),
                str(link["prefix"]),
                str(link["user_name"]),
            )
            for link in links
        ],
        empty="There are no links to this file.",
    )


def revoke_link(
    ctx: typer.Context,
    file: FileArgument,
    link_id: Annotated[str, typer.Argument(help="The link's id.")],
    yes: YesOption = False,
) -> None:
    """Revoke a link immediately. This cannot be undone."""
    output = output_of(ctx)
    check_id(link_id, "link", "entrepot links list FILE")
    with open_client(output) as client:
        file_id = client.find_id(file)
        names = {
            str(link["link_id"]): str(link.get("name") or "") for link in client.links(file_id)
        }
        name = names.get(link_id, "")
        confirm(f"Revoke the link {name or link_id}?", yes)
        client.revoke_link(file_id, link_id)
    output.record(
        {"link_id": link_id, "revoked": True},
        quiet="link_id",
        shown={"name": name, "link id": link_id, "status": "revoked"}
        if name
        else {"link id": link_id, "status": "revoked"},
    )


def _read_password() -> str:
    """Never an argument, which other users of the machine could see."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\n")


def _allowed(link: Document) -> str:
    parts = [str(link["kind"])]
    if link.get("format"):
        parts.append(f"as {link['format']}")
    if link.get("version"):
        parts.append(f"version {link['version']}")
    return " ".join(parts) + (", with a password" if link.get("has_password") else "")


def _uses(link: Document) -> str:
    limit = link.get("max_uses")
    return (
        f"{link['uses']:,} of {counted(limit, 'time')}" if limit else counted(link["uses"], "time")
    )
