"""`entrepot users` and `entrepot password`: the people of an account, and how they sign in."""

import sys
from typing import Annotated

import typer

from entrepot_client.cli.labels.rights import LINK_NOTE, UserRole, user_state
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import open_client
from entrepot_client.models import Document

UserArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT:USER", help="A user of your account, like acme:maria.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    users = typer.Typer(invoke_without_command=True)
    users.callback()(list_by_default)
    for name, example, command in (
        ("list", "list", list_users),
        ("create", "create acme:maria", create),
        ("disable", "disable acme:maria", disable),
        ("enable", "enable acme:maria", enable),
        ("link", "link acme:maria", link),
        ("sign-out", "sign-out acme:maria", sign_out),
    ):
        users.command(name, epilog=f"Example: entrepot users {example}")(command)
    app.add_typer(users, name="users", epilog="Example: entrepot users link acme:maria")
    app.command("password", epilog="Example: entrepot password")(password)


def list_by_default(ctx: typer.Context) -> None:
    """List, create and disable users of your account, and let them sign in.

    Without a command, the users are listed.
    """
    if ctx.invoked_subcommand is None:
        list_users(ctx)


def list_users(ctx: typer.Context) -> None:
    """List the users of your account."""
    output = output_of(ctx)
    with open_client(output) as client:
        users = list(client.users())
    output.records(
        users,
        quiet="user_name",
        columns=("user", "role", "state", "created"),
        rows=[
            (
                str(user["user_name"]),
                str(user.get("role") or ""),
                user_state(user),
                str(user.get("created_at") or ""),
            )
            for user in users
        ],
        empty="There are no users.",
    )


def create(
    ctx: typer.Context,
    user_name: UserArgument,
    role: Annotated[
        UserRole, typer.Option(help="An admin manages users and every file of the account.")
    ] = UserRole.MEMBER,
) -> None:
    """Create a user of your account."""
    output = output_of(ctx)
    with open_client(output) as client:
        user = client.create_user(user_name, role)
    _print_user(output, user)
    output.note(f"Let them sign in: `entrepot users link {user_name}`.")


def disable(ctx: typer.Context, user_name: UserArgument) -> None:
    """Disable a user: their keys are refused, and their sessions end."""
    _change(ctx, user_name, disabled=True)


def enable(ctx: typer.Context, user_name: UserArgument) -> None:
    """Enable a disabled user again; their keys are valid again."""
    _change(ctx, user_name, disabled=False)


def _change(ctx: typer.Context, user_name: str, disabled: bool) -> None:
    output = output_of(ctx)
    with open_client(output) as client:
        user = client.change_user(user_name, disabled=disabled)
    _print_user(output, user)


def _print_user(output: Output, user: Document) -> None:
    fields = {
        "user": str(user["user_name"]),
        "role": str(user["role"]),
        "state": user_state(user),
    }
    output.record(user, quiet="user_name", shown=fields)


def link(ctx: typer.Context, user_name: UserArgument) -> None:
    """Create a link with which a user sets a password and signs in, once, within 24 hours."""
    output = output_of(ctx)
    with open_client(output) as client:
        made = client.make_link(user_name)
    fields = {"user": user_name, "link": str(made["link"]), "expires": str(made["expires_at"])}
    output.record(made, quiet="link", shown=fields)
    output.note(LINK_NOTE)


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
        current = typer.prompt("Current password", hide_input=True, err=True)
        new = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
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
