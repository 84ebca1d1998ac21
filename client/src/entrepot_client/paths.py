"""The paths of the API's resources."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from entrepot_client.endpoint import API


def file_path(file_id: str) -> str:
    """The path of one file."""
    return f"{API}/file/{quote(file_id, safe='')}"


def activity_path(file_id: str | None) -> str:
    """The path of a file's activity, or of all that the caller may see."""
    return f"{file_path(file_id)}/activity" if file_id is not None else f"{API}/activity"


def task_path(task_id: str) -> str:
    """The API path of a task; a task id cannot lead to another path."""
    return f"{API}/task/{quote(task_id, safe='')}"


def with_query(path: str, parameters: Mapping[str, str | int | None]) -> str:
    """The path with those query parameters that are not None."""
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{path}?{query}" if query else path
