"""`entrepot files share` and related commands: who may read or deliver, and who owns a file."""

from enum import StrEnum
from typing import Annotated

import typer

from entrepot_client.cli.arguments import (
    EXAMPLE_FILE,
    EXAMPLE_ID,
    FileArgument,
    check_id,
)
from entrepot_client.cli.labels.rights import ENTITLEMENT_LABELS, UserRole
from entrepot_client.cli.output import output_of
from entrepot_client.cli.session import open_client
from entrepot_client.cli.sizes import ExpiresOption, format_size, time_after
from entrepot_client.counts import counted

OfferedFile = Annotated[str, typer.Argument(metavar="FILE_ID", help="The file's id.")]
"""An offered file is on no list of files, so only its id finds it."""
UserName = Annotated[str, typer.Argument(metavar="ACCOUNT:USER", help="A user, like acme:anna.")]


class Entitlement(StrEnum):
    """What somebody may do with a file, in words, and as the API names it."""

    READ = "read"
    DELIVER = "deliver"
    BOTH = "both"
    R = "r"
    W = "w"
    RW = "rw"


_API_NAMES = {Entitlement.READ: "r", Entitlement.DELIVER: "w", Entitlement.BOTH: "rw"}


def register(files: typer.Typer) -> None:
    """Add the commands to `entrepot files`."""
    # `hand-over` and `take-over` keep their names, which scripts use; in the code it is a transfer.
    for name, example, command in (
        ("share", f"share {EXAMPLE_FILE} partner:anna deliver --expires 90d", share),
        ("unshare", f"unshare {EXAMPLE_FILE} partner:anna", unshare),
        ("shared", f"shared {EXAMPLE_FILE}", list_shared),
        ("hand-over", f"hand-over {EXAMPLE_FILE} acme:rob", transfer_file),
        ("offers", "offers", list_offers),
        ("take-over", f"take-over {EXAMPLE_ID}", accept_offer),
        ("decline", f"decline {EXAMPLE_ID}", decline),
        ("decline-share", "decline-share orders.csv", decline_share),
    ):
        files.command(name, epilog=f"Example: entrepot files {example}")(command)


def share(
    ctx: typer.Context,
    file: FileArgument,
    user_name: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT:USER",
            help="A user of any account, like acme:anna, or a whole one: acme:*.",
        ),
    ],
    entitlement: Annotated[
        Entitlement,
        typer.Argument(
            metavar="RIGHT",
            help="With deliver they see only their own deliveries; both: read and deliver. r, w and"
            " rw, the names of the API, mean the same.",
        ),
    ],
    expires: ExpiresOption = None,
) -> None:
    """Let somebody read a file or deliver to it, or change what they may do."""
    output = output_of(ctx)
    with open_client(output) as client:
        entitlement_document = client.share(
            client.find_id(file),
            user_name,
            _API_NAMES.get(entitlement, entitlement.value),
            time_after(expires),
        )
    output.record(
        entitlement_document,
        quiet="user_name",
        shown={
            "user": str(entitlement_document["user_name"]),
            "may": ENTITLEMENT_LABELS[entitlement_document["entitlement"]],
            "ends": str(entitlement_document.get("expires_at") or "never"),
        },
    )


def unshare(ctx: typer.Context, file: FileArgument, user_name: UserName) -> None:
    """Stop sharing a file with somebody, immediately. Names the other ways to it that are left."""
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        client.unshare(file_id, user_name)
        remaining = [
            each for each in client.entitlements(file_id) if _overlap(each["user_name"], user_name)
        ]
        links = [each for each in client.links(file_id) if each["state"] == "valid"]
        admins = [
            str(each["user_name"])
            for each in client.users()
            if each["role"] == UserRole.ADMIN
            and not each["disabled"]
            and (each["user_name"] == user_name or _overlap(each["user_name"], user_name))
        ]
    output.record(
        {"file_id": file_id, "user_name": user_name, "revoked": True, "remaining": remaining},
        quiet="user_name",
        shown={"user": user_name, "share": "ended"},
    )
    for other in remaining:
        may = ENTITLEMENT_LABELS[other["entitlement"]]
        output.note(f"The file is still shared with {other['user_name']}, who may {may}.")
    if admins:
        are = "is an admin" if len(admins) == 1 else "are admins"
        output.note(f"{', '.join(admins)} {are} of the account, and may still change the file.")
    if links:
        work = "works" if len(links) == 1 else "work"
        output.note(
            f"{counted(len(links), 'link')} to the file still {work} for everybody who has the "
            f"address: `entrepot links list {file}`."
        )


def _overlap(one: str, other: str) -> bool:
    """Whether the one is a user of an account and the other the whole account, `partner:*`."""
    (account, user), (other_account, other_user) = one.split(":"), other.split(":")
    return account == other_account and "*" in (user, other_user)


def list_shared(ctx: typer.Context, file: FileArgument) -> None:
    """List who may read a file or deliver to it. For its owner and the account's admins."""
    output = output_of(ctx)
    with open_client(output) as client:
        entitlements = list(client.entitlements(client.find_id(file)))
    output.records(
        entitlements,
        quiet="user_name",
        columns=("user", "may", "ends", "granted by", "since"),
        rows=[
            (
                str(item["user_name"]),
                ENTITLEMENT_LABELS[item["entitlement"]],
                str(item.get("expires_at") or "never"),
                str(item.get("granted_by") or ""),
                str(item.get("created_at") or ""),
            )
            for item in entitlements
        ],
        empty="The file is not shared with any user.",
    )


def transfer_file(ctx: typer.Context, file: FileArgument, user_name: UserName) -> None:
    """Give a file to another owner: in your account immediately, else when they accept it."""
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        same_account = user_name.partition(":")[0] == client.whoami()["account"]
        if same_account:
            client.transfer_file(file_id, user_name)
        else:
            client.offer(file_id, user_name)
    status = "transferred" if same_account else "offered"
    output.record(
        {"file_id": file_id, "user_name": user_name, "status": status},
        quiet="file_id",
        shown={"file id": file_id, "user": user_name, "status": status},
    )


def list_offers(ctx: typer.Context) -> None:
    """List the files that other accounts offer to you."""
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
        empty="No file is offered to you.",
    )


def accept_offer(ctx: typer.Context, file_id: OfferedFile) -> None:
    """Become the owner of a file that you are offered. Its bytes then count for your account."""
    output = output_of(ctx)
    with open_client(output) as client:
        file = client.accept_offer(check_id(file_id, "file", "entrepot files offers"))
    output.record(
        file.document,
        quiet="file_id",
        shown={"file id": file.file_id, "name": file.file_name, "owner": file.user_name},
    )


def decline(ctx: typer.Context, file_id: OfferedFile) -> None:
    """Decline a file that you are offered, or take back your own offer."""
    output = output_of(ctx)
    with open_client(output) as client:
        client.end_offer(check_id(file_id, "file", "entrepot files offers"))
    output.record(
        {"file_id": file_id, "status": "ended"},
        quiet="file_id",
        shown={"file id": file_id, "status": "the offer has ended"},
    )


def decline_share(ctx: typer.Context, file: FileArgument) -> None:
    """Decline a file that another account shares with you: it is not listed any more.

    For an admin, this also declines what is shared with the whole account. `entrepot senders
    block` declines all files of an account.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        file_id = client.find_id(file)
        client.decline_share(file_id)
    output.record(
        {"file_id": file_id, "status": "declined"},
        quiet="file_id",
        shown={"file id": file_id, "status": "declined"},
    )
