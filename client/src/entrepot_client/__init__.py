"""The light client of Entrepot: the `entrepot` program and its HTTP client.

`from entrepot_client import Client` is where Python programs begin. Names are loaded when they are
used, so that the program starts quickly.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entrepot_client.client import Client
    from entrepot_client.delivery import Delivery
    from entrepot_client.errors import ClientError
    from entrepot_client.models import DeliveredVersion, File, ReadingOptions, Task
    from entrepot_client.report import Rejected, Report, ReportedError, TaskFailed

_PLACES = {
    "Client": "client",
    "ClientError": "errors",
    "Delivery": "delivery",
    "File": "models",
    "ReadingOptions": "models",
    "Rejected": "report",
    "Report": "report",
    "ReportedError": "report",
    "Task": "models",
    "TaskFailed": "report",
    "DeliveredVersion": "models",
}
__all__ = [
    "Client",
    "ClientError",
    "DeliveredVersion",
    "Delivery",
    "File",
    "ReadingOptions",
    "Rejected",
    "Report",
    "ReportedError",
    "Task",
    "TaskFailed",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
