"""`entrepot api`: any request of the HTTP API, with the key of the user who is signed in."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from entrepot_client.cli.output import Format, output_of
from entrepot_client.cli.session import open_client

_OUTSIDE = ("/api/", "/d/", "/l/", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""Where addresses begin that are not below `/api/v1`, without the pages, which take no key."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("api", epilog="Example: entrepot api GET /api/v1/whoami")(api)


def _method(text: str) -> str:
    if text.upper() not in _METHODS:
        raise typer.BadParameter(f"{text!r} is not one of {', '.join(_METHODS)}.")
    return text.upper()


def _path(text: str) -> str:
    # The request carries the key, so it may only go to the endpoint.
    if "://" in text.partition("?")[0] or text.startswith("//"):
        raise typer.BadParameter("Give the path alone; the endpoint is the one you signed in to.")
    return text if text.startswith(_OUTSIDE) else f"/api/v1/{text.removeprefix('/')}"


def api(
    ctx: typer.Context,
    method: Annotated[
        str, typer.Argument(help=", ".join(_METHODS), parser=_method, metavar="METHOD")
    ],
    path: Annotated[
        str,
        typer.Argument(help="Such as /api/v1/files, or files.", parser=_path, metavar="PATH"),
    ],
    body: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="FILE|-", help="A file with the JSON to send; - for stdin."
        ),
    ] = None,
) -> None:
    """Send one request of the API and print the answer. For a file's bytes use `pull`."""
    output = output_of(ctx)
    content = None
    if body is not None:
        content = sys.stdin.buffer.read() if body == "-" else Path(body).read_bytes()
    with open_client(output) as client:
        response = client.request(method, path, content)
    is_json = "json" in response.headers.get("content-type", "")
    if is_json and response.content and output.format is Format.HUMAN:
        output.line(json.dumps(response.json(), ensure_ascii=False, indent=2))
    else:
        sys.stdout.buffer.write(response.content)
        sys.stdout.buffer.flush()
