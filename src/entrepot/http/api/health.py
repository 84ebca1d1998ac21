"""Whether the server lives and is ready: for load balancers and service managers."""

import asyncio
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text

from entrepot.blobs.store import BlobId
from entrepot.db.types import ReadConnection
from entrepot.errors import StorageFull
from entrepot.http.api.models.health import Degraded, Liveness, Readiness
from entrepot.http.deps import RuntimeDep
from entrepot.http.runtime import Runtime
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.tasks.leases import has_live_worker

router = APIRouter(tags=["operations"])

ABSENT_BLOB = BlobId(UUID(int=0))
STORE_SECONDS = 5.0
"""Seconds after which a store that is slow counts as one that does not answer."""


@router.get(
    "/healthz",
    operation_id="check_liveness",
    response_model=Liveness,
)
async def alive() -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    operation_id="check_readiness",
    response_model=Readiness,
    responses={
        503: {
            "model": Readiness,
            "description": "The database or the store does not answer, or the server is stopping.",
        }
    },
)
async def ready(
    runtime: RuntimeDep,
    purpose: Annotated[Literal["reads", "deliveries"], Query(alias="for")] = "reads",
) -> Response:
    """Whether this process answers reads: database and store answer, and it is not being stopped.

    `degraded` names what keeps deliveries from being taken or inspected: `disk` (a watermark is
    reached), `workers` (none lives), `sandbox` (it is required, and this host lacks a layer),
    `writes` (the store refused the last one, less than 30 seconds ago). With `?for=deliveries` that
    is 503 too.
    """
    readiness = await _check_readiness(runtime)
    if purpose == "deliveries" and readiness["degraded"]:
        readiness["status"] = "not ready"
    return JSONResponse(readiness, status_code=200 if readiness["status"] == "ready" else 503)


async def _check_readiness(runtime: Runtime) -> Readiness:
    """Which part answers, and what is degraded. Never fails."""
    readiness: Readiness = {
        "status": "ready",
        "database": "ok",
        "store": "ok",
        "server": "stopping" if runtime.draining else "ok",
        "degraded": [],
    }
    parts = runtime.parts
    has_worker = False
    try:
        has_worker = await runtime.run_in_database_thread(parts.database.read, _ping, runtime)
    except Exception:
        readiness["database"] = "no answer"
    try:
        async with asyncio.timeout(STORE_SECONDS):
            is_full = await runtime.run_in_byte_thread(_is_full, runtime)
    except Exception:
        readiness["store"], is_full = "no answer", False
    if {readiness["database"], readiness["store"], readiness["server"]} != {"ok"}:
        readiness["status"] = "not ready"
    lacks_sandbox = parts.settings.sandbox == "require" and bool(missing_layers())
    states: dict[Degraded, bool] = {
        "disk": is_full,
        "workers": readiness["database"] == "ok" and not has_worker,
        "sandbox": lacks_sandbox,
        "writes": parts.write_state.is_failing,
    }
    readiness["degraded"] = [name for name, is_degraded in states.items() if is_degraded]
    return readiness


def _ping(conn: ReadConnection, runtime: Runtime) -> bool:
    """Whether a worker lives. Raises what a database that does not answer raises."""
    conn.execute(text("SELECT 1"))
    lease = timedelta(seconds=runtime.parts.settings.lease)
    return has_live_worker(conn, runtime.parts.clock(), lease)


def _is_full(runtime: Runtime) -> bool:
    """Whether the store or the database has reached its watermark."""
    parts = runtime.parts
    parts.store.stat(ABSENT_BLOB)
    try:
        if parts.database.space is not None:
            parts.database.space.require()
    except StorageFull:
        return True
    return parts.store.is_full()
