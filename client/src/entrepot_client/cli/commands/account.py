"""`entrepot users` and `entrepot quota`: the account of the one who is signed in."""

import typer

from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import signed_in
from entrepot_client.cli.sizes import format_size


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("users", epilog="Example: entrepot users --format quiet")(users)
    app.command("quota", epilog="Example: entrepot quota")(quota)


def users(ctx: typer.Context) -> None:
    """List the users of your account."""
    output = output_of(ctx)
    with signed_in(output) as client:
        found = list(client.users())
    output.records(
        found,
        quiet="user_name",
        columns=("user", "role", "created"),
        rows=[
            (str(u["user_name"]), str(u.get("role") or ""), str(u.get("created_at") or ""))
            for u in found
        ],
        empty="There are no users.",
    )


def quota(ctx: typer.Context) -> None:
    """Show what your account may use, uses, and by what. `--format quiet`: the free bytes."""
    output = output_of(ctx)
    with signed_in(output) as client:
        account = client.account()
    whole, used, reserved = (int(account.get(k) or 0) for k in ("quota", "used", "reserved"))
    free = max(0, whole - used - reserved)
    output.record(
        {**account, "free": free},
        quiet="free",
        shown={
            "quota": format_size(whole),
            "used": format_size(used) + _made_of(account.get("used_by")),
            "reserved": format_size(reserved) + _made_of(account.get("reserved_by")),
            "free": format_size(free),
        },
    )


def _made_of(parts: object) -> str:
    """What a figure consists of, without what there is nothing of."""
    if not isinstance(parts, dict):
        return ""
    there = [f"{name.replace('_', ' ')} {format_size(int(n))}" for name, n in parts.items() if n]
    return f" ({', '.join(there)})" if there else ""
