"""`entrepot keys`: the API keys of the user who is signed in."""

from typing import Annotated

import typer

from entrepot_client.cli.arguments import check_id
from entrepot_client.cli.labels.rights import KEY_NOTE, SCOPES_HELP, scopes_label
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import ExpiresOption, time_after


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    keys = typer.Typer(help="Create, list and revoke API keys.")
    keys.command("list", epilog="Example: entrepot keys list")(list_keys)
    keys.command(
        "create", epilog="Example: entrepot keys create nightly --scopes read --expires 90d"
    )(create_key)
    keys.command(
        "revoke", epilog="Example: entrepot keys revoke 0b8f6f0e-3f43-4b5e-9d2b-0d1c6a2f8a11"
    )(revoke_key)
    app.add_typer(keys, name="keys", epilog="Example: entrepot keys list")


def list_keys(ctx: typer.Context) -> None:
    """List your keys. Their secrets were shown once, when they were created."""
    output = output_of(ctx)
    with open_client(output) as client:
        key_list = list(client.keys())
    output.records(
        key_list,
        quiet="key_id",
        columns=("key id", "name", "expires", "user", "last used", "starts with", "scopes"),
        rows=[
            (
                str(key["key_id"]),
                str(key.get("name") or ""),
                str(key.get("expires_at") or "never"),
                str(key.get("user_name") or ""),
                str(key.get("last_used_at") or "never"),
                str(key.get("prefix") or ""),
                ", ".join(key.get("scopes") or ()),
            )
            for key in key_list
        ],
        empty="There are no keys.",
    )


def create_key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scopes: Annotated[str, typer.Option(help=SCOPES_HELP, show_default=True)] = "read,write",
    expires: ExpiresOption = None,
) -> None:
    """Create a key, and show it once."""
    output = output_of(ctx)
    scope_list = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    with open_client(output) as client:
        key = client.create_key(name, scope_list, time_after(expires))
    output.record(
        key,
        quiet="api_key",
        shown={
            "key": str(key["api_key"]),
            "key id": str(key.get("key_id") or ""),
            "may": scopes_label(key.get("scopes") or scope_list),
            "expires": str(key.get("expires_at") or "never"),
        },
    )
    output.note(KEY_NOTE)


def revoke_key(
    ctx: typer.Context, key_id: Annotated[str, typer.Argument(help="The key's id.")]
) -> None:
    """Revoke a key immediately. This cannot be undone."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.revoke_key(check_id(key_id, "key", "entrepot keys list"))
    output.record(
        {"key_id": key_id, "revoked": True},
        quiet="key_id",
        shown={"key id": key_id, "status": "revoked"},
    )
