"""The API's published examples, with an endpoint and a key in them."""

from dataclasses import dataclass

EXAMPLE_FILE = "53c9c295-83f4-4754-a781-cd03841c806f"
"""The demo's first file, which the published examples show."""


@dataclass(frozen=True)
class CurlExample:
    """One command to paste into a shell, and what it does."""

    title: str
    command: str


def list_files_command(endpoint: str, api_key: str) -> str:
    """The shortest useful command: list the files."""
    return _command(f"curl --location '{endpoint}/api/v1/files'", api_key)


def upload_command(endpoint: str, api_key: str, path: str = "orders.csv") -> str:
    """Define a file and upload its first version."""
    return _command(
        f"curl --location '{endpoint}/api/v1/files'",
        api_key,
        "--form 'file_description=\"Multi Line Description\"'",
        "--form 'file_size_limit=100000'",
        f"--form 'file=@\"{path}\"'",
    )


def curl_examples(endpoint: str, api_key: str, path: str = "orders.csv") -> list[CurlExample]:
    """Every published example, in the order in which one needs them; `path` is uploaded."""
    base = f"{endpoint}/api/v1"
    users = [
        f"curl -X GET --location '{base}/users' \\",
        "--header 'Content-Type: application/json' \\",
        "--header 'Accept: application/json' \\",
        f"--header 'Authorization: Bearer {api_key}'",
    ]
    download = f"curl --location '{base}/file/download/{EXAMPLE_FILE}'"
    follow = f"curl --location '{base}/task/<TASK ID>'"
    return [
        CurlExample("List the users of your account", "\n".join(users)),
        CurlExample("List files", list_files_command(endpoint, api_key)),
        CurlExample("Download a file by its id", _command(download, api_key)),
        CurlExample("Define a file and upload it", upload_command(endpoint, api_key, path)),
        CurlExample("Follow the task that the upload answered", _command(follow, api_key)),
    ]


def _command(first: str, api_key: str, *more: str) -> str:
    lines = [
        first,
        "--header 'Accept: application/json'",
        f"--header 'Authorization: Bearer {api_key}'",
        *more,
    ]
    return " \\\n".join(lines)
