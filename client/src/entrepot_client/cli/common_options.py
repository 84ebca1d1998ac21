"""The options that every command accepts, before or after its name: `--format` and `--debug`."""

import copy
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from entrepot_client.cli.output import Format, output_of

UNWRAPPED = "\b\n"
"""Before a paragraph of a help text: they are not wrapped."""


def _set_format(ctx: typer.Context, value: Format | None) -> Format | None:
    if value is not None:
        output_of(ctx).format = value
    return value


def _set_debug(ctx: typer.Context, value: bool) -> bool:
    if value:
        output_of(ctx).debug = True
    return value


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        help="How to print results: for people, as JSON, or only the main value, such as an id.",
        callback=_set_format,
        expose_value=False,
        show_default=False,
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show the traceback of an error.",
        callback=_set_debug,
        expose_value=False,
        show_default=False,
    ),
]


def spread_common_options(commands: Mapping[str, Any], root_options: Sequence[Any]) -> None:
    """Add the root's own `--format` and `--debug` to every one of these commands and those below.

    The commands of plug-ins get them too. A command that has an option with that name keeps its
    own. The example of each stays on one line, so that it can be copied.
    """
    common = [option for option in root_options if option.name in ("format_", "debug")]
    for command in commands.values():
        names = {name for param in command.params for name in param.opts}
        command.params.extend(copy.copy(o) for o in common if not names.intersection(o.opts))
        if command.epilog and not command.epilog.startswith(UNWRAPPED):
            command.epilog = UNWRAPPED + command.epilog
        spread_common_options(getattr(command, "commands", {}), common)
