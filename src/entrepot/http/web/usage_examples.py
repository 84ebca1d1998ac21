"""Lines to paste, for a shell, Python or SQL: the API's published examples, and those for one
file."""

import shlex
from dataclasses import dataclass
from uuid import UUID

EXAMPLE_FILE = "53c9c295-83f4-4754-a781-cd03841c806f"
"""The demo's first file, which the published examples show."""


@dataclass(frozen=True)
class UsageExample:
    """Lines to paste: `title` says what they do, or for which tool they are."""

    title: str
    text: str


def list_files_command(endpoint: str, api_key: str) -> str:
    """The shortest useful command: list the files."""
    return _command(f"curl --location '{endpoint}/api/v1/files'", api_key)


def upload_command(endpoint: str, api_key: str, path: str) -> str:
    """Define a file and upload its first version."""
    return _command(
        f"curl --location '{endpoint}/api/v1/files'",
        api_key,
        "--form 'file_description=\"Multi Line Description\"'",
        "--form 'file_size_limit=100000'",
        f"--form 'file=@\"{path}\"'",
    )


def first_upload(endpoint: str, api_key: str) -> str:
    """Make a small table and upload it: works in any shell, on an account without files."""
    make = "(echo number; seq 100 999) > numbers.csv"
    return f"{make}\n{upload_command(endpoint, api_key, 'numbers.csv')}"


def examples_for(
    endpoint: str, api_key: str, file_id: UUID | None, is_admin: bool
) -> list[UsageExample]:
    """The published examples that work for this user as they are; `file_id` is a file that they
    may read (None: there is none)."""
    return [
        UsageExample("List files", list_files_command(endpoint, api_key)),
        UsageExample("Define a file and upload it", first_upload(endpoint, api_key)),
        _follow_example(endpoint, api_key),
        *([_download_example(endpoint, api_key, file_id)] if file_id else []),
        *([_users_example(endpoint, api_key)] if is_admin else []),
    ]


def delivery_examples(endpoint: str, file_id: UUID, name: str) -> list[UsageExample]:
    """How a further version of the file is delivered, from a local file of its name."""
    form = shlex.quote('file=@"{}"'.format(name.replace("\\", r"\\").replace('"', r"\"")))
    return [
        UsageExample(
            "curl",
            f"curl --location '{endpoint}/api/v1/file/{file_id}/versions' \\\n"
            f"--header 'Authorization: Bearer <API KEY>' \\\n--form {form}",
        ),
        UsageExample("entrepot", f"entrepot push {_local(name)} --to {file_id}"),
    ]


def reading_examples(endpoint: str, file_id: UUID, name: str, is_table: bool) -> list[UsageExample]:
    """How the file is read with the usual tools; only a table has those for tables."""
    address = f"{endpoint}/api/v1/file/download/{file_id}"
    plain = [
        UsageExample(
            "curl",
            f"curl --location --fail '{address}' \\\n"
            f"--header 'Authorization: Bearer <API KEY>' \\\n--output {_local(name)}",
        ),
        UsageExample("entrepot", f"entrepot pull {file_id}"),
    ]
    tables = [
        UsageExample(
            "Python",
            "from entrepot_client import Client\n\n"
            f'table = Client().read("{file_id}", into="pandas")',
        ),
        UsageExample(
            "DuckDB",
            "INSTALL httpfs; LOAD httpfs;\n"
            f"CREATE SECRET entrepot (TYPE http, BEARER_TOKEN '<API KEY>', SCOPE '{endpoint}/');\n"
            f"FROM read_parquet('{address}?format=parquet');",
        ),
    ]
    return [*plain, *(tables if is_table else [])]


def _local(name: str) -> str:
    """The name as a word of a shell, never an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)


def published_examples(endpoint: str, api_key: str, path: str) -> list[UsageExample]:
    """Every published example, in the order in which one needs them; `path` is uploaded."""
    return [
        _users_example(endpoint, api_key),
        UsageExample("List files", list_files_command(endpoint, api_key)),
        _download_example(endpoint, api_key, UUID(EXAMPLE_FILE)),
        UsageExample("Define a file and upload it", upload_command(endpoint, api_key, path)),
        _follow_example(endpoint, api_key),
    ]


def _users_example(endpoint: str, api_key: str) -> UsageExample:
    users = [
        f"curl -X GET --location '{endpoint}/api/v1/users' \\",
        "--header 'Content-Type: application/json' \\",
        "--header 'Accept: application/json' \\",
        f"--header 'Authorization: Bearer {api_key}'",
    ]
    return UsageExample("List the users of your account", "\n".join(users))


def _download_example(endpoint: str, api_key: str, file_id: UUID) -> UsageExample:
    download = f"curl --location '{endpoint}/api/v1/file/download/{file_id}'"
    return UsageExample("Download a file by its id", _command(download, api_key))


def _follow_example(endpoint: str, api_key: str) -> UsageExample:
    follow = f"curl --location '{endpoint}/api/v1/task/<TASK ID>'"
    return UsageExample("Follow the task that the upload answered", _command(follow, api_key))


def _command(first: str, api_key: str, *more: str) -> str:
    lines = [
        first,
        "--header 'Accept: application/json'",
        f"--header 'Authorization: Bearer {api_key}'",
        *more,
    ]
    return " \\\n".join(lines)
