"""Commands from other packages.

A package adds commands with an entry point of the group `entrepot.commands` that loads to a
function `register(app: typer.Typer) -> None`. It is called each time the program starts, so the
module must import heavy modules inside its commands. A plug-in that cannot be loaded is reported in
one sentence, and the other commands work.
"""

from dataclasses import dataclass

import typer

from entrepot_client.entry_points import find_entry_points

GROUP = "entrepot.commands"


@dataclass(frozen=True)
class BrokenPlugin:
    """A plug-in that could not be loaded. `name` is the name of its entry point."""

    name: str
    package: str
    error: Exception

    def __str__(self) -> str:
        return (
            f"The commands of the package {self.package} could not be loaded "
            f"({type(self.error).__name__}: {self.error}). "
            "Install it again, or run with --debug for the traceback."
        )


def register_plugins(app: typer.Typer) -> list[BrokenPlugin]:
    """Let every installed plug-in add its commands to `app`; returns those that failed."""
    broken = []
    for entry_point in find_entry_points(GROUP):
        before = (list(app.registered_commands), list(app.registered_groups))
        try:
            entry_point.load()(app)
            # Builds the commands, so that an invalid parameter raises here.
            typer.main.get_command(app)
        except Exception as error:
            # Removes the commands that the plug-in added before it failed.
            app.registered_commands[:], app.registered_groups[:] = before
            broken.append(BrokenPlugin(entry_point.name, entry_point.package, error))
    return broken
