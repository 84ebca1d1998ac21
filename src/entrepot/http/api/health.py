"""Whether the server lives and is ready: for load balancers and service managers."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text

from entrepot.blobs.store import BlobId
from entrepot.db.types import ReadConnection
from entrepot.http.api.models.health import Liveness, Readiness
from entrepot.http.deps import RuntimeDep

router = APIRouter(tags=["operations"])

ABSENT_BLOB = BlobId(UUID(int=0))


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
        503: {"model": Readiness, "description": "Something does not answer, or the server stops."}
    },
)
async def ready(runtime: RuntimeDep) -> Response:
    """Database and store answer, and the server is not being stopped; else 503."""
    checks = {"database": "ok", "store": "ok", "server": "ok"}
    parts = runtime.parts
    try:
        await runtime.run_in_database_thread(parts.database.read, _ping)
    except Exception:
        checks["database"] = "no answer"
    try:
        await runtime.run_in_database_thread(parts.store.stat, ABSENT_BLOB)
    except Exception:
        checks["store"] = "no answer"
    if runtime.draining:
        checks["server"] = "stopping"
    fine = all(state == "ok" for state in checks.values())
    return JSONResponse(
        {"status": "ready" if fine else "not ready", **checks}, status_code=200 if fine else 503
    )


def _ping(conn: ReadConnection) -> None:
    conn.execute(text("SELECT 1"))
