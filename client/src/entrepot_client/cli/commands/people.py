"""`entrepot user` and `entrepot password`: let people in."""

import sys
from typing import Annotated

import typer

from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client

UserArgument = Annotated[str, typer.Argument(metavar="ACCOUNT:USER")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    user = typer.Typer(help="Let the people of your account sign in, as its admin.")
    user.command("link", epilog="Example: entrepot user link acme:maria")(link)
    user.command("sign-out", epilog="Example: entrepot user sign-out acme:maria")(sign_out)
    app.add_typer(user, name="user", epilog="Example: entrepot user link acme:maria")
    app.command("password", epilog="Example: entrepot password")(password)


def link(ctx: typer.Context, user_name: UserArgument) -> None:
    """Make a link with which a user sets a password and signs in, once, within 24 hours."""
    output = output_of(ctx)
    with open_client(output) as client:
        made = client.make_link(user_name)
    fields = {"user": user_name, "link": str(made["link"]), "expires": str(made["expires_at"])}
    output.record(made, quiet="link", shown=fields)
    output.note("Send it to this person alone. An earlier link of theirs no longer works.")


def sign_out(ctx: typer.Context, user_name: UserArgument) -> None:
    """End a user's browser sessions. Their keys stay valid."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.end_sessions(user_name)
    record = {"user_name": user_name, "signed_out": True}
    output.record(record, quiet="user_name", shown={"user": user_name, "sessions": "ended"})


def password(ctx: typer.Context) -> None:
    """Change your password; your browser sessions end. A pipe gives the current and the new one."""
    if sys.stdin.isatty():
        current = typer.prompt("Current password", hide_input=True)
        new = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    else:
        current, new = (sys.stdin.readline().rstrip("\n") for _ in range(2))
    output = output_of(ctx)
    with open_client(output) as client:
        client.change_password(current, new)
        user_name = str(client.whoami()["user_name"])
    output.record(
        {"user_name": user_name, "changed": True},
        quiet="user_name",
        shown={"user": user_name, "password": "changed"},
    )
