"""`entrepot files share` and what belongs to it: who may read or deliver, and who owns a file."""

from enum import StrEnum
from typing import Annotated

import typer

from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import signed_in
from entrepot_client.cli.sizes import ExpiresOption, end_of, format_size

RIGHTS = {"r": "read", "w": "deliver", "rw": "read, deliver"}
"""What each entitlement allows, in words."""
EXAMPLE = "53c9c295-83f4-4754-a781-cd03841c806f"

FileId = Annotated[str, typer.Argument(help="The file's id.")]
UserName = Annotated[str, typer.Argument(help="A user, like acme:anna.")]


class Entitlement(StrEnum):
    """What somebody may do with a file."""

    READ = "r"
    DELIVER = "w"
    BOTH = "rw"


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    for name, example, command in (
        ("share", f"share {EXAMPLE} partner:anna w --expires 90d", share),
        ("unshare", f"unshare {EXAMPLE} partner:anna", unshare),
        ("shared", f"shared {EXAMPLE}", list_shared),
        ("hand-over", f"hand-over {EXAMPLE} acme:rob", transfer_file),
        ("offers", "offers", list_offers),
        ("take-over", f"take-over {EXAMPLE}", take_over),
        ("decline", f"decline {EXAMPLE}", decline),
    ):
        files.command(name, epilog=f"Example: entrepot files {example}")(command)


def share(
    ctx: typer.Context,
    file_id: FileId,
    user_name: Annotated[
        str, typer.Argument(help="A user of any account, like acme:anna, or a whole one: acme:*.")
    ],
    entitlement: Annotated[
        Entitlement, typer.Argument(help="r: read, w: deliver and see nothing else, rw: both.")
    ],
    expires: ExpiresOption = None,
) -> None:
    """Let somebody read a file or deliver to it; said again, it replaces what was said before."""
    output = output_of(ctx)
    with signed_in(output) as client:
        granted = client.share(file_id, user_name, entitlement.value, end_of(expires))
    output.record(
        granted,
        quiet="user_name",
        shown={
            "user": str(granted["user_name"]),
            "may": RIGHTS[granted["entitlement"]],
            "ends": str(granted.get("expires_at") or "never"),
        },
    )


def unshare(ctx: typer.Context, file_id: FileId, user_name: UserName) -> None:
    """End what somebody may do with a file, at once."""
    output = output_of(ctx)
    with signed_in(output) as client:
        client.unshare(file_id, user_name)
    output.record(
        {"file_id": file_id, "user_name": user_name, "revoked": True},
        quiet="user_name",
        shown={"user": user_name, "may": "nothing any more"},
    )


def list_shared(ctx: typer.Context, file_id: FileId) -> None:
    """List whom a file is shared with. For its owner and the account's admins."""
    output = output_of(ctx)
    with signed_in(output) as client:
        found = list(client.entitlements(file_id))
    output.records(
        found,
        quiet="user_name",
        columns=("user", "may", "ends", "granted by", "since"),
        rows=[
            (
                str(each["user_name"]),
                RIGHTS[each["entitlement"]],
                str(each.get("expires_at") or "never"),
                str(each.get("granted_by") or ""),
                str(each.get("created_at") or ""),
            )
            for each in found
        ],
        empty="The file is shared with nobody.",
    )


def transfer_file(ctx: typer.Context, file_id: FileId, user_name: UserName) -> None:
    """Give a file to another owner: within your account at once, else once they accept it."""
    output = output_of(ctx)
    with signed_in(output) as client:
        at_once = user_name.partition(":")[0] == client.whoami()["account"]
        if at_once:
            client.transfer_file(file_id, user_name)
        else:
            client.offer(file_id, user_name)
    status = "handed over" if at_once else "offered"
    output.record(
        {"file_id": file_id, "user_name": user_name, "status": status},
        quiet="file_id",
        shown={"file id": file_id, "user": user_name, "status": status},
    )


def list_offers(ctx: typer.Context) -> None:
    """List the files of other accounts that you are offered."""
    output = output_of(ctx)
    with signed_in(output) as client:
        found = list(client.offers())
    output.records(
        found,
        quiet="file_id",
        columns=("file id", "name", "owner", "size of all versions", "offered"),
        rows=[
            (
                str(each["file_id"]),
                str(each["file_name"]),
                str(each["user_name"]),
                format_size(each["bytes"]),
                str(each["offered_at"]),
            )
            for each in found
        ],
        empty="You are offered nothing.",
    )


def take_over(ctx: typer.Context, file_id: FileId) -> None:
    """Become the owner of a file that you are offered; its bytes count for your account then."""
    output = output_of(ctx)
    with signed_in(output) as client:
        file = client.take_over(file_id)
    output.record(
        file.document,
        quiet="file_id",
        shown={"file id": file.file_id, "name": file.file_name, "owner": file.user_name},
    )


def decline(ctx: typer.Context, file_id: FileId) -> None:
    """Decline a file that you are offered, or take back your own offer."""
    output = output_of(ctx)
    with signed_in(output) as client:
        client.end_offer(file_id)
    output.record(
        {"file_id": file_id, "status": "ended"},
        quiet="file_id",
        shown={"file id": file_id, "status": "the offer has ended"},
    )
