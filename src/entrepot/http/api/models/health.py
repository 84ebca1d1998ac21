"""Whether the server lives and is ready."""

from typing import Literal

from typing_extensions import TypedDict

from entrepot.http.api.models.values import answer


@answer
class Liveness(TypedDict):
    """The process answers."""

    status: Literal["alive"]


Degraded = Literal["disk", "workers", "sandbox", "writes"]


@answer
class Readiness(TypedDict):
    """Which part answers, and what keeps deliveries from being taken or inspected."""

    status: Literal["ready", "not ready"]
    database: Literal["ok", "no answer"]
    store: Literal["ok", "no answer"]
    server: Literal["ok", "stopping"]
    degraded: list[Degraded]
