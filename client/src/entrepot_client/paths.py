"""The paths of the API, and what can be the path of a file, by which the server checks, too."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from entrepot_client.endpoint import API

MAX_PATH_CHARS = 255
"""As many as a file name has."""
PACKAGE_NAME = "datapackage.json"
"""The name of the document that the server makes beside the files of an account."""
_SEGMENT = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_PATH = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")


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


def has_form_of_path(text: str) -> bool:
    """Whether a text has the length and the characters of a path."""
    return len(text) <= MAX_PATH_CHARS and _PATH.fullmatch(text) is not None


def ends_with_package(text: str) -> bool:
    """Whether the document of an account's files would have this path."""
    return text.lower().rpartition("/")[2] == PACKAGE_NAME


def is_path(text: str) -> bool:
    """Whether a text can be the path of a file in its account."""
    return has_form_of_path(text) and not ends_with_package(text)
