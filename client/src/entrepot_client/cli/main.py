"""The program `entrepot`: its tree of commands, and the one place where a run ends."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from entrepot_client.cli.commands import (
    account,
    activity,
    api,
    auth,
    files,
    keys,
    pull,
    push,
    schema,
    tasks,
    uploads,
    validate,
)
from entrepot_client.cli.common_options import DebugOption, FormatOption, spread_common_options
from entrepot_client.cli.explain import explain
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Output
from entrepot_client.cli.plugins import BrokenPlugin, register_plugins

PROGRAM = "entrepot"


def main() -> None:
    """Run the program with the arguments of this process, and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; every failure ends here, in two sentences."""
    output = Output()
    try:
        command, broken = build()
        for broken_plugin in broken:
            output.warning(str(broken_plugin))
            if "--debug" in arguments:
                traceback.print_exception(broken_plugin.error)
        status = command.main(
            list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False, obj=output
        )
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe (`| head`). Python must not report that at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED
    except Exception as error:
        return _report(error, output)
    if status == ExitStatus.INTERRUPTED:
        output.warning("Interrupted.")
    return status if isinstance(status, int) else ExitStatus.DONE


def build() -> tuple[Any, list[BrokenPlugin]]:
    """The tree of commands, with those of plug-ins, and the plug-ins that could not be loaded."""
    app = _own_commands()
    broken = register_plugins(app)
    command: Any = typer.main.get_command(app)
    spread_common_options(command)
    return command, broken


def _own_commands() -> typer.Typer:
    # rich's help draws boxes and takes 0.1 s to start; plain text is better in a pipe.
    app = typer.Typer(
        name=PROGRAM,
        help="Exchange data files whose contracts are kept. Every file has a name, a size limit,"
        " a schema, and people who may read or deliver it.",
        epilog="Example: entrepot push orders.csv --size-limit 100MB --enforce-schema",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for module in (
        auth, files, push, pull, validate, schema, tasks, uploads, keys, account, activity, api
    ):  # fmt: skip
        module.register(app)
    return app


def _print_version(requested: bool) -> None:
    if requested:
        print(f"{PROGRAM} {version('entrepot-client')}")
        raise typer.Exit


def _root(
    format_: FormatOption = None,
    debug: DebugOption = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and end.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options of the whole program; each command takes the first two as well."""


def _report(error: Exception, output: Output) -> int:
    failure = _explain(error)
    if output.debug:
        traceback.print_exception(error)
    output.failure(failure)
    return failure.status


def _wrong_usage(error: TyperException) -> Failure:
    path = context.command_path if (context := getattr(error, "ctx", None)) else PROGRAM
    message = error.format_message().rstrip()
    if message.startswith("Usage:"):
        # A group without a command, set to show its help; the help is one option away.
        message = "Missing command."
    return Failure(
        message if message.endswith((".", ")")) else message + ".",
        f"See `{path} --help` for what it takes and an example.",
        ExitStatus.WRONG_USAGE if error.exit_code == 2 else ExitStatus.FAILED,
    )


def _explain(error: Exception) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, TyperException):
        return _wrong_usage(error)
    if isinstance(error, typer.Abort):
        return Failure("Nothing was entered.", "", ExitStatus.INTERRUPTED)
    return explain(error) or Failure(
        f"Entrepot met an error that it did not expect ({type(error).__name__}: {error}).",
        "Run the command again with --debug and report what it shows.",
    )
