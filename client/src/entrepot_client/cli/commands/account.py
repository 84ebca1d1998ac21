"""`entrepot quota`: the account of the user who is signed in."""

import typer

from entrepot_client.cli.labels.usage import METADATA_LABEL, USAGE_LABELS
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import format_size


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("quota", epilog="Example: entrepot quota")(quota)


def quota(ctx: typer.Context) -> None:
    """Show the quota of your account, and what uses it. `--format quiet`: the free bytes."""
    output = output_of(ctx)
    with open_client(output) as client:
        account = client.account()
    names = ("quota", "used", "reserved", "metadata")
    total, used, reserved, metadata = (int(account.get(name) or 0) for name in names)
    free = max(0, total - used - reserved - metadata)
    output.record(
        {**account, "free": free},
        quiet="free",
        shown={
            "quota": format_size(total),
            "used": format_size(used) + _format_parts(account.get("used_by")),
            "reserved": format_size(reserved) + _format_parts(account.get("reserved_by")),
            "metadata": f"{format_size(metadata)} ({METADATA_LABEL})",
            "free": format_size(free),
        },
    )


def _format_parts(parts: object) -> str:
    """The parts of a figure in parentheses, without those that are 0."""
    if not isinstance(parts, dict):
        return ""
    formatted = [
        f"{USAGE_LABELS.get(name, name.replace('_', ' '))} {format_size(int(n))}"
        for name, n in parts.items()
        if n
    ]
    return f" ({', '.join(formatted)})" if formatted else ""
