"""`entrepot admin account|user|key`: what an operator does about people, beside a running server.

Heavy modules are imported inside the commands, since this module is loaded at each start.
"""

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from entrepot.cli.command_base import DataOption, command, installation
from entrepot.loading import quick_imports
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.labels.rights import (
    KEY_NOTE,
    LINK_NOTE,
    SCOPES_HELP,
    UserRole,
    scopes_label,
    user_state,
)
from entrepot_client.cli.output import output_of
from entrepot_client.cli.sizes import format_size, size_option, span_option

QuotaOption = Annotated[
    int, typer.Option("--quota", parser=size_option, metavar="SIZE", help="Such as 10GB.")
]
UserArgument = Annotated[
    str, typer.Argument(metavar="ACCOUNT:USER", help="The user, like acme:maria.")
]
AccountArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of the account, like acme.")
]


def register_people(admin: typer.Typer) -> None:
    """Add the groups `account`, `user` and `key` to `entrepot admin`."""
    account, user, key = (
        typer.Typer(
            name=name,
            help=text,
            epilog=f"Example: entrepot admin {name} {example}",
            rich_markup_mode=None,
            no_args_is_help=True,
        )
        for name, text, example in (
            ("account", "Create, list, change and suspend accounts.", "create acme --quota 10GB"),
            ("user", "Create, list and disable users, and let them sign in.", "link acme:maria"),
            ("key", "Create, list and revoke API keys.", "list acme"),
        )
    )
    command(account, "create", "entrepot admin account create acme --quota 10GB")(account_create)
    command(account, "list", "entrepot admin account list")(account_list)
    command(account, "set", "entrepot admin account set acme --quota 20GB")(account_set)
    command(account, "suspend", "entrepot admin account suspend acme")(account_suspend)
    command(account, "resume", "entrepot admin account resume acme")(account_resume)
    command(user, "create", "entrepot admin user create acme:maria --role admin")(user_create)
    command(user, "list", "entrepot admin user list acme")(user_list)
    command(user, "link", "entrepot admin user link acme:maria")(user_link)
    command(user, "password", "entrepot admin user password acme:maria")(user_password)
    command(user, "disable", "entrepot admin user disable acme:maria")(user_disable)
    command(user, "enable", "entrepot admin user enable acme:maria")(user_enable)
    command(key, "create", "entrepot admin key create acme:maria --expires 90d")(key_create)
    command(key, "list", "entrepot admin key list acme:maria")(key_list)
    command(key, "revoke", "entrepot admin key revoke 0b8f6f0e-3f43-4b5e-9d2b-0d1c6a2f8a11")(
        key_revoke
    )
    for group in (account, user, key):
        admin.add_typer(group)


def load_admin() -> Any:
    """The module with the acts of these commands, none of which logs anything."""
    with quick_imports():
        from entrepot.cli import admin
    return admin


def account_create(
    ctx: typer.Context, name: AccountArgument, quota: QuotaOption, data: DataOption = None
) -> None:
    """Create an account."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        _show_account(ctx, admin.account_create(parts, name, quota))


def account_set(
    ctx: typer.Context, name: AccountArgument, quota: QuotaOption, data: DataOption = None
) -> None:
    """Change an account's quota."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        _show_account(ctx, admin.account_set(parts, name, quota))


def account_list(ctx: typer.Context, data: DataOption = None) -> None:
    """List the accounts."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        accounts = admin.account_list(parts)
    figures = ("quota", "used", "reserved")
    output_of(ctx).records(
        accounts,
        quiet="account",
        columns=("account", *figures, "state"),
        rows=[
            (row["account"], *(format_size(row[name]) for name in figures), _account_state(row))
            for row in accounts
        ],
        empty="There is no account yet.",
    )


def user_create(
    ctx: typer.Context,
    user_name: UserArgument,
    role: Annotated[
        UserRole, typer.Option(help="An admin manages users and every file of the account.")
    ] = UserRole.MEMBER,
    data: DataOption = None,
) -> None:
    """Create a user of an account."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        user = admin.user_create(parts, user_name, role)
    fields = {"user": user["user_name"], "role": user["role"]}
    output = output_of(ctx)
    output.record(user, quiet="user_name", shown=fields)
    output.note(f"Let them sign in: `entrepot admin user link {user_name}`.")


def user_password(
    ctx: typer.Context,
    user_name: UserArgument,
    data: DataOption = None,
) -> None:
    """Give a user a password to sign in with; it is asked for, or read from a pipe."""
    admin = load_admin()

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with installation(data, logs=False) as parts:
        user = admin.user_password(parts, user_name, password)
    fields = {"user": user["user_name"], "password": "set"}
    output_of(ctx).record(user, quiet="user_name", shown=fields)


def key_create(
    ctx: typer.Context,
    user_name: UserArgument,
    scopes: Annotated[str, typer.Option(help=SCOPES_HELP)] = "read,write",
    expires: Annotated[
        timedelta | None, typer.Option(parser=span_option, metavar="SPAN", help="Such as 90d.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    data: DataOption = None,
) -> None:
    """Create an API key. It is shown only once."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        key = admin.key_create(parts, user_name, scopes, expires, name)
    fields = {"API key": key["api_key"], "may": scopes_label(key["scopes"])}
    output = output_of(ctx)
    output.record(key, quiet="api_key", shown=fields)
    output.note(KEY_NOTE)


def _show_account(ctx: typer.Context, account: dict[str, Any]) -> None:
    fields = {
        "account": account["account"],
        **{name: format_size(account[name]) for name in ("quota", "used", "reserved")},
        "state": _account_state(account),
    }
    output_of(ctx).record(account, quiet="account", shown=fields)


def account_suspend(ctx: typer.Context, name: AccountArgument, data: DataOption = None) -> None:
    """Stop an account: nobody reads, delivers or signs in. Nothing is deleted."""
    _suspend(ctx, name, data, suspended=True)


def account_resume(ctx: typer.Context, name: AccountArgument, data: DataOption = None) -> None:
    """Let a suspended account continue; its tasks that waited are done now."""
    _suspend(ctx, name, data, suspended=False)


def user_list(
    ctx: typer.Context,
    account: Annotated[
        str | None, typer.Argument(help="Of this account only.", show_default=False)
    ] = None,
    data: DataOption = None,
) -> None:
    """List users, with their roles."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        users = admin.user_list(parts, account)
    output_of(ctx).records(
        users,
        quiet="user_name",
        columns=("user", "role", "created", "state"),
        rows=[
            (row["user_name"], row["role"], _day(row["created_at"]), user_state(row))
            for row in users
        ],
        empty="There are no users yet.",
    )


def user_link(ctx: typer.Context, user_name: UserArgument, data: DataOption = None) -> None:
    """Create a link with which a user sets a password and signs in, once, within 24 hours."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        link = admin.user_link(parts, user_name)
    fields = {"user": user_name, "link": link["link"], "expires": link["expires_at"]}
    output = output_of(ctx)
    output.record(link, quiet="link", shown=fields)
    output.note(LINK_NOTE)


def user_disable(ctx: typer.Context, user_name: UserArgument, data: DataOption = None) -> None:
    """Disable a user: their keys are refused, and their sessions end."""
    _disable(ctx, user_name, data, disabled=True)


def user_enable(ctx: typer.Context, user_name: UserArgument, data: DataOption = None) -> None:
    """Enable a disabled user again; their keys are valid again."""
    _disable(ctx, user_name, data, disabled=False)


def key_list(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ACCOUNT[:USER]", help="Of this account or user only.", show_default=False
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """List the keys that are not revoked. `--format json` has all but their secrets."""
    admin = load_admin()

    with installation(data, logs=False) as parts:
        keys = admin.key_list(parts, name)
    output_of(ctx).records(
        keys,
        quiet="key_id",
        columns=("key id", "user", "expires", "last used"),
        rows=[
            (
                row["key_id"],
                row["user_name"],
                _day(row["expires_at"]),
                _day(row["last_used_at"]),
            )
            for row in keys
        ],
        empty="There are no keys.",
    )


def key_revoke(
    ctx: typer.Context,
    key_id: Annotated[UUID, typer.Argument(help="The key's id; `key list` has it.")],
    data: DataOption = None,
) -> None:
    """Revoke a key immediately and permanently."""
    admin = load_admin()
    from entrepot.errors import NotFound

    with installation(data, logs=False) as parts:
        try:
            key = admin.key_revoke(parts, key_id)
        except NotFound:
            raise Failure(
                "There is no such key, or it was revoked before.",
                "See `entrepot admin key list`.",
                ExitStatus.NOT_FOUND,
            ) from None
    fields = {"key id": key["key_id"], "user": key["user_name"], "status": "revoked"}
    output_of(ctx).record(key, quiet="key_id", shown=fields)


def _suspend(ctx: typer.Context, name: str, data: DataOption, suspended: bool) -> None:
    admin = load_admin()

    with installation(data, logs=False) as parts:
        account = admin.account_suspend(parts, name, suspended)
    _show_account(ctx, account)


def _disable(ctx: typer.Context, user_name: str, data: DataOption, disabled: bool) -> None:
    admin = load_admin()

    with installation(data, logs=False) as parts:
        user = admin.user_disable(parts, user_name, disabled)
    fields = {"user": user["user_name"], "role": user["role"], "state": user_state(user)}
    output_of(ctx).record(user, quiet="user_name", shown=fields)


def _account_state(account: Mapping[str, Any]) -> str:
    """Whether an account can be used."""
    since = account.get("suspended_at")
    return f"suspended since {_day(since)}" if since else "active"


def _day(time: str | None) -> str:
    """The day of a time of a record, which is short enough for a table."""
    return time[:10] if time else "never"
