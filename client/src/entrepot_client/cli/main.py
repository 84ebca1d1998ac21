"""The program `entrepot`: the one place where a run begins and ends."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from entrepot_client.cli.common_options import DebugOption, FormatOption
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.interruption import is_interrupted
from entrepot_client.cli.output import Output
from entrepot_client.cli.plugins import BrokenPlugin
from entrepot_client.cli.program_group import NO_MARKUP, ProgramGroup
from entrepot_client.cli.quick_parameters import use_plain_usage, use_quick_parameters

PROGRAM = "entrepot"


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; every failure ends here, in two sentences.

    Raises KeyboardInterrupt if a signal ended the command.
    """
    output = Output()
    root = _root_command()
    try:
        status = root.main(
            list(arguments) or ["--help"], prog_name=PROGRAM, standalone_mode=False, obj=output
        )
        sys.stdout.flush()
    except Exception as error:
        if is_interrupted():
            if output.debug:
                _print_traceback(error)
            raise KeyboardInterrupt from error
        if isinstance(error, BrokenPipeError):
            # The reader closed the pipe (`| head`). Python must not report that at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitStatus.FAILED
        return _report(error, output, root, arguments)
    finally:
        _warn_of(root.broken_plugins, output, "--debug" in arguments)
    if status == ExitStatus.INTERRUPTED:  # Typer makes this status of a KeyboardInterrupt
        raise KeyboardInterrupt
    return status if isinstance(status, int) else ExitStatus.DONE


def build() -> tuple[Any, list[BrokenPlugin]]:
    """The whole tree of commands, with those of plug-ins, and the plug-ins that could not be
    loaded."""
    root = _root_command()
    root.load_all()
    return root, root.broken_plugins


def _root_command() -> ProgramGroup:
    use_quick_parameters()
    use_plain_usage()
    app = typer.Typer(
        name=PROGRAM,
        cls=ProgramGroup,
        help="Deliver, check and read data files. Every file has a name, a size limit, a schema,"
        " and people who may read or deliver it.",
        epilog="Example: entrepot push orders.csv --size-limit 100MB --enforce-schema",
        rich_markup_mode=NO_MARKUP,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    root = typer.main.get_command(app)
    assert isinstance(root, ProgramGroup)
    return root


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

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


def _warn_of(plugins: list[BrokenPlugin], output: Output, debug: bool) -> None:
    for plugin in plugins:
        output.warning(str(plugin))
        if debug:
            _print_traceback(plugin.error)


def _print_traceback(error: Exception) -> None:
    import traceback

    traceback.print_exception(error)


def _command_path(root: Any, arguments: Sequence[str]) -> str:
    """The name of the command that was meant, such as `entrepot files list`."""
    command, path = root, [PROGRAM]
    for word in arguments:
        below = getattr(command, "commands", {})
        if word in below:
            command = below[word]
            path.append(word)
    return " ".join(path)


def _report(error: Exception, output: Output, root: Any, arguments: Sequence[str]) -> int:
    failure = _explain(error, root, arguments)
    if output.debug:
        _print_traceback(error)
    if failure.status is ExitStatus.FAILED:
        failure.status = output.failed_status
    output.failure(failure)
    return failure.status


def _wrong_usage(error: TyperException, path: str) -> Failure:
    if context := getattr(error, "ctx", None):
        path = context.command_path
    from entrepot_client.pydantic_words import plain_words

    message = error.format_message().rstrip()
    place, colon, reason = message.removesuffix(".").partition(": ")
    if colon and plain_words(reason) != reason:
        message = f"{place}: {plain_words(reason)}"
    if message.startswith("Usage:"):
        # A group without a command, set to show its help; the help is one option away.
        message = "Missing command."
    return Failure(
        message if message.endswith((".", ")", "?")) else message + ".",
        f"See `{path} --help` for what it takes and an example.",
        ExitStatus.WRONG_USAGE if error.exit_code == 2 else ExitStatus.FAILED,
    )


def _explain(error: Exception, root: Any, arguments: Sequence[str]) -> Failure:
    if isinstance(error, Failure):
        return error
    if isinstance(error, TyperException):
        return _wrong_usage(error, _command_path(root, arguments))
    if isinstance(error, typer.Abort):
        return Failure("Nothing was entered.", "", ExitStatus.INTERRUPTED)
    from entrepot_client.cli.explain import explain

    return explain(error, arguments) or Failure(
        f"Entrepot met an error that it did not expect ({type(error).__name__}: {error}).",
        "Run the command again with --debug and report what it shows.",
    )
