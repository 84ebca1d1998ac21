"""The options that every command takes, before or after its name: `--format` and `--debug`."""

import copy
from typing import Annotated, Any

import typer

from entrepot_client.cli.output import Format, output_of


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
        help="How to print results: for people, as JSON, or only the one value.",
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


def spread_common_options(root: Any) -> None:
    """Give every command below `root` the root's own `--format` and `--debug`.

    `root` is the finished tree of commands (of `typer.main.get_command`), so that plug-ins' get
    them without a line of their own. A command that has an option of that name keeps it.
    """
    _spread(root, [param for param in root.params if param.name in ("format_", "debug")])


def _spread(group: Any, shared: list[Any]) -> None:
    for command in getattr(group, "commands", {}).values():
        taken = {name for param in command.params for name in param.opts}
        command.params.extend(copy.copy(p) for p in shared if not taken.intersection(p.opts))
        _spread(command, shared)
