"""`entrepot senders`: the other accounts that share files with you, accepted or blocked."""

from typing import Annotated

import typer

from entrepot_client.cli.arguments import YesOption, confirm
from entrepot_client.cli.output import Output, output_of
from entrepot_client.cli.session import open_client
from entrepot_client.models import Document

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The other account.")]
ForAccountOption = Annotated[
    bool,
    typer.Option("--for-account", help="For all users of your account. Only admins can do this."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    senders = typer.Typer(help="List, accept and block accounts that share files with you.")
    for name, example, command in (
        ("list", "list", list_senders),
        ("accept", "accept partner", accept),
        ("block", "block partner", block),
        ("reset", "reset partner", reset),
    ):
        senders.command(name, epilog=f"Example: entrepot senders {example}")(command)
    app.add_typer(senders, name="senders", epilog="Example: entrepot senders list")


def list_senders(ctx: typer.Context) -> None:
    """List the other accounts that share files with you, and your decisions about them.

    An account that neither you nor your account has accepted shares at most 100 files with you.
    """
    output = output_of(ctx)
    with open_client(output) as client:
        senders = list(client.senders())
    output.records(
        senders,
        quiet="account",
        columns=("account", "files", "you", "your account"),
        rows=[
            (
                str(sender["account"]),
                f"{sender['files']:,}",
                str(sender["decision"] or ""),
                str(sender["account_decision"] or ""),
            )
            for sender in senders
        ],
        empty="No other account shares files with you.",
    )


def accept(
    ctx: typer.Context, account: AccountArgument, for_account: ForAccountOption = False
) -> None:
    """Accept an account, which may then share any number of files with you."""
    _decide(output_of(ctx), account, "accepted", for_account)


def block(
    ctx: typer.Context,
    account: AccountArgument,
    for_account: ForAccountOption = False,
    yes: YesOption = False,
) -> None:
    """Block an account: all its shares with you end, and it cannot make new ones.

    It gets no notice. `reset` takes the block back; the shares that ended do not come back.
    """
    confirm(f"End all that {account} shares with {_receiver(for_account)}?", yes)
    _decide(output_of(ctx), account, "blocked", for_account)


def reset(
    ctx: typer.Context, account: AccountArgument, for_account: ForAccountOption = False
) -> None:
    """Undo that an account was accepted or blocked."""
    _decide(output_of(ctx), account, None, for_account)


def _decide(output: Output, account: str, decision: str | None, for_account: bool) -> None:
    with open_client(output) as client:
        sender: Document = client.decide_on_sender(account, decision, for_account=for_account)
    output.record(
        sender,
        quiet="account",
        shown={
            "account": str(sender["account"]),
            "files": f"{sender['files']:,}",
            "you": str(sender["decision"] or "nothing decided"),
            "your account": str(sender["account_decision"] or "nothing decided"),
        },
    )


def _receiver(for_account: bool) -> str:
    return "your account as a whole" if for_account else "you"
