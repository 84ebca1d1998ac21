"""How each command of the server is registered, opens the installation, and reports an error."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.loading import quick_imports
from entrepot_client.cli.failures import ExitStatus, Failure

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder; by default `entrepot` where programs of this user keep their data,"
        " such as ~/.local/share/entrepot.",
        show_default=False,
    ),
]


def command(app: typer.Typer, name: str, example: str) -> Callable[[Any], Any]:
    """Register a command with its example, which `--help` shows."""
    return app.command(name, epilog=f"Example: {example}")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn domain errors into the program's two sentences and exit statuses."""
    from entrepot.errors import EntrepotError, FieldInvalid, NotFound, StartRefused
    from entrepot_client.cli.explain import with_options
    from entrepot_client.field_sentences import field_sentence

    try:
        yield
    except NotFound:
        raise Failure(
            "There is no such account or user.",
            "See `entrepot admin account list`.",
            ExitStatus.NOT_FOUND,
        ) from None
    except StartRefused as refused:
        what, _, do = str(refused).partition(". ")
        raise Failure(what.rstrip(".") + ".", do) from None
    except FieldInvalid as error:
        example = f"For example: {error.example}" if error.example else ""
        sentence = field_sentence(f"`{error.field}`", error.reason)
        what = with_options(sentence, error.field)
        raise Failure(what, example, ExitStatus.WRONG_USAGE, figures=error.figures()) from error
    except EntrepotError as error:
        raise Failure(str(error), figures=error.figures()) from error


@contextmanager
def installation(data: Path | None, logs: bool = True) -> Iterator[Any]:
    """The parts of the installation in `data`, for one command.

    Without `logs`, for a command that logs nothing, the library of logs is not loaded: with what it
    loads for terminals it takes a seventh of a short command.
    """
    with quick_imports():
        from entrepot.cli.database_errors import explain_database_errors
        from entrepot.cli.start import open_installation
        from entrepot.settings import read_settings

    with translate_errors():
        settings = read_settings(data=data, log_level="warning")
        if logs:
            from entrepot.cli.logs import configure_logs

            configure_logs(settings)
        with explain_database_errors(settings), closing(open_installation(settings)) as parts:
            yield parts
