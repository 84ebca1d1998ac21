"""The commands of this package: which module has them, and what the program's help says of them.

The program loads only the module of the command that it runs. A test compares the texts with those
of the commands.
"""

from typing import NamedTuple


class CatalogEntry(NamedTuple):
    """A command's module below `entrepot_client.cli.commands`, and the first sentence of its
    help."""

    module: str
    help: str


CATALOG: dict[str, CatalogEntry] = {
    "push": CatalogEntry("push", "Upload files: new ones, or further versions."),
    "pull": CatalogEntry("pull", "Download a published version of a file, and verify it."),
    "files": CatalogEntry("files", "List, show, change, share and delete files."),
    "report": CatalogEntry("report", "Show why a delivery was rejected, row by row."),
    "validate": CatalogEntry("validate", "Check a file against a contract without delivering it."),
    "schema": CatalogEntry("schema", "Show, infer and change the schemas of files."),
    "tasks": CatalogEntry("tasks", "Follow work in the background: deliveries being inspected."),
    "uploads": CatalogEntry("uploads", "List and end uploads under way."),
    "senders": CatalogEntry(
        "senders", "List, accept and block accounts that share files with you."
    ),
    "links": CatalogEntry("links", "Create, list and revoke links to files, for guests."),
    "activity": CatalogEntry("activity", "Who did and read what: list it, export it, verify it."),
    "keys": CatalogEntry("keys", "Create, list and revoke API keys."),
    "users": CatalogEntry(
        "people", "List, create and disable users of your account, and let them sign in."
    ),
    "password": CatalogEntry("people", "Change your password; your browser sessions end."),
    "quota": CatalogEntry("account", "Show the quota of your account, and what uses it."),
    "auth": CatalogEntry("auth", "Sign in to a server, see as whom, sign out."),
    "api": CatalogEntry("api", "Send one request of the API and print the answer."),
}
EARLIER_NAMES = {"user": "users"}
"""Names that commands had in earlier editions of the documentation; scripts may use them."""
