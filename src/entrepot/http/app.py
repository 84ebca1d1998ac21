"""Put the HTTP application together: routes, problems, middleware, and its life."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from entrepot import __version__
from entrepot.bootstrap.parts import Parts
from entrepot.http.addresses import datapackage, deliver, links, read
from entrepot.http.admission import AdmissionMiddleware
from entrepot.http.api import (
    activity,
    changes,
    comparisons,
    files,
    health,
    people,
    preview,
    quarantine,
    resumable,
    schema,
    tasks,
    uploads,
    uploads_under_way,
    versions,
    withdrawal,
)
from entrepot.http.api.openapi.document import install_openapi
from entrepot.http.api.sharing import links as links_of_files
from entrepot.http.api.sharing import shares
from entrepot.http.downloads.read_log import ReadWriter
from entrepot.http.fast_path import FastPathMiddleware
from entrepot.http.methods import HeadMiddleware
from entrepot.http.middleware import RequestContextMiddleware
from entrepot.http.problems import handlers
from entrepot.http.request_counts import RequestCounts
from entrepot.http.runtime import open_runtime
from entrepot.http.web.mount import mount_pages
from entrepot.metrics.process_metrics import ProcessMetrics

DESCRIPTION = "A self-hosted, multi-tenant exchange for data files: every file is a contract."


def create_app(parts: Parts, metrics: ProcessMetrics) -> tuple[FastAPI, ASGIApp]:
    """The application, and the ASGI callable around it that a server is given."""
    runtime = open_runtime(parts)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        del app
        writer = ReadWriter(runtime)
        writer.start()
        if runtime.change_listener is not None:
            runtime.change_listener.start()
        yield
        await writer.close()
        if runtime.change_listener is not None:
            await runtime.change_listener.close()
        runtime.read_cache.close()
        runtime.previewer.close()
        runtime.parser.close()
        runtime.database_threads.shutdown(wait=True)
        runtime.byte_threads.shutdown(wait=True)

    app = FastAPI(
        title="Entrepot",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        # Such a redirect names the host and scheme that the request claims: no place for a key.
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.runtime = runtime
    of_files = (
        uploads,
        resumable,
        uploads_under_way,
        files,
        preview,
        versions,
        quarantine,
        comparisons,
        changes,
        withdrawal,
        schema,
        shares,
        links_of_files,
    )
    # `include_router` would build each route again, with its models: a tenth of a start.
    for part in (*of_files, activity, tasks, people):
        app.router.routes += part.router.routes
    for router in (
        *(read.downloads, deliver.deliveries, datapackage.files),
        *(datapackage.accounts, read.addresses, deliver.addresses, links.router, health.router),
    ):
        app.router.routes += router.routes
    install_openapi(app)
    handlers.install(app)
    mount_pages(app)
    counts = RequestCounts(app, metrics)
    admitted = HeadMiddleware(FastPathMiddleware(app), app)
    counted = AdmissionMiddleware(admitted, app, runtime)
    return app, RequestContextMiddleware(counted, parts.settings, counts)
