"""`entrepot files share` and related commands: who may read or deliver, and who owns a file."""

from enum import StrEnum
from typing import Annotated

import typer

from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import ExpiresOption, format_size, time_after

RIGHTS = {"r": "read", "w": "deliver", "rw": "read, deliver"}
"""What each entitlement allows."""
EXAMPLE_ID = "53c9c295-83f4-4754-a781-cd03841c806f"

FileId = Annotated[str, typer.Argument(help="The file's id.")]
UserName = Annotated[str, typer.Argument(help="A user, like acme:anna.")]


class Entitlement(StrEnum):
    """What somebody may do with a file."""

    READ = "r"
    DELIVER = "w"
    BOTH = "rw"


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    # `hand-over` and `take-over` keep their names, which scripts use; in the code it is a transfer.
    for name, example, command in (
        ("share", f"share {EXAMPLE_ID} partner:anna w --expires 90d", share),
        ("unshare", f"unshare {EXAMPLE_ID} partner:anna", unshare),
        ("shared", f"shared {EXAMPLE_ID}", list_shared),
        ("hand-over", f"hand-over {EXAMPLE_ID} acme:rob", transfer_file),
        ("offers", "offers", list_offers),
        ("take-over", f"take-over {EXAMPLE_ID}", accept_offer),
        ("decline", f"decline {EXAMPLE_ID}", decline),
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
    with open_client(output) as client:
        entitlement_document = client.share(
            file_id, user_name, entitlement.value, time_after(expires)
        )
    output.record(
        entitlement_document,
        quiet="user_name",
        shown={
            "user": str(entitlement_document["user_name"]),
            "may": RIGHTS[entitlement_document["entitlement"]],
            "ends": str(entitlement_document.get("expires_at") or "never"),
        },
    )


def unshare(ctx: typer.Context, file_id: FileId, user_name: UserName) -> None:
    """End what somebody may do with a file, at once."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.unshare(file_id, user_name)
    output.record(
        {"file_id": file_id, "user_name": user_name, "revoked": True},
        quiet="user_name",
        shown={"user": user_name, "may": "nothing any more"},
    )


def list_shared(ctx: typer.Context, file_id: FileId) -> None:
    """List whom a file is shared with. For its owner and the account's admins."""
    output = output_of(ctx)
    with open_client(output) as client:
        entitlements = list(client.entitlements(file_id))
    output.records(
        entitlements,
        quiet="user_name",
        columns=("user", "may", "ends", "granted by", "since"),
        rows=[
            (
                str(item["user_name"]),
                RIGHTS[item["entitlement"]],
                str(item.get("expires_at") or "never"),
                str(item.get("granted_by") or ""),
                str(item.get("created_at") or ""),
            )
            for item in entitlements
        ],
        empty="The file is shared with nobody.",
    )


def transfer_file(ctx: typer.Context, file_id: FileId, user_name: UserName) -> None:
    """Give a file to another owner: within your account at once, else once they accept it."""
    output = output_of(ctx)
    with open_client(output) as client:
        same_account = user_name.partition(":")[0] == client.whoami()["account"]
        if same_account:
            client.transfer_file(file_id, user_name)
        else:
            client.offer(file_id, user_name)
    status = "handed over" if same_account else "offered"
    output.record(
        {"file_id": file_id, "user_name": user_name, "status": status},
        quiet="file_id",
        shown={"file id": file_id, "user": user_name, "status": status},
    )


def list_offers(ctx: typer.Context) -> None:
    """List the files of other accounts that you are offered."""
    output = output_of(ctx)
    with open_client(output) as client:
        offers = list(client.offers())
    output.records(
        offers,
        quiet="file_id",
        columns=("file id", "name", "owner", "size of all versions", "offered"),
        rows=[
            (
                str(offer["file_id"]),
                str(offer["file_name"]),
                str(offer["user_name"]),
                format_size(offer["bytes"]),
                str(offer["offered_at"]),
            )
            for offer in offers
        ],
        empty="You are offered nothing.",
    )


def accept_offer(ctx: typer.Context, file_id: FileId) -> None:
    """Become the owner of a file that you are offered; its bytes count for your account then."""
    output = output_of(ctx)
    with open_client(output) as client:
        file = client.accept_offer(file_id)
    output.record(
        file.document,
        quiet="file_id",
        shown={"file id": file.file_id, "name": file.file_name, "owner": file.user_name},
    )


def decline(ctx: typer.Context, file_id: FileId) -> None:
    """Decline a file that you are offered, or take back your own offer."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.end_offer(file_id)
    output.record(
        {"file_id": file_id, "status": "ended"},
        quiet="file_id",
        shown={"file id": file_id, "status": "the offer has ended"},
    )
