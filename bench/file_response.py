"""Uvicorn's contender: files of the folder `BENCH_FILES` by Starlette's plain `FileResponse`."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route


async def send(request: Request) -> FileResponse:
    """One file, by its name."""
    return FileResponse(os.path.join(os.environ["BENCH_FILES"], request.path_params["name"]))


app = Starlette(routes=[Route("/{name}", send)])
