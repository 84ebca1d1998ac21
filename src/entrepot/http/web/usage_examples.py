"""Lines to paste, for a shell, Python or SQL: the API's published examples, and those for one
file."""

import shlex
from dataclasses import dataclass
from uuid import UUID

from entrepot.files.queries.read import FileRecord

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


def file_address(endpoint: str, file: FileRecord) -> str | None:
    """The whole address of a file that has a path, as any program can open it."""
    return f"{endpoint}/d/{file.address}" if file.address is not None else None


def delivery_examples(endpoint: str, file: FileRecord) -> list[UsageExample]:
    """How a further version of the file is delivered, from a local file of its name; curl ends with
    the verdict."""
    address = file_address(endpoint, file) or f"{endpoint}/api/v1/file/{file.id}"
    return [
        UsageExample(
            "curl",
            f"curl --fail-with-body --header 'Authorization: Bearer <API KEY>' \\\n"
            f"{_upload_option(file.name)} '{address}?wait=60'",
        ),
        UsageExample("entrepot", f"entrepot push {_local(file.name)} --to {_reference(file)}"),
    ]


def reading_examples(endpoint: str, file: FileRecord) -> list[UsageExample]:
    """How the file is read with the usual tools; only a table has those for tables."""
    by_id = f"{endpoint}/api/v1/file/download/{file.id}"
    address = file_address(endpoint, file) or by_id
    parquet = f"{by_id}/table.parquet" if file.path is None else f"{address}.parquet"
    name = file.name
    plain = [
        UsageExample(
            "curl",
            f"curl --location --fail '{address}' \\\n"
            f"--header 'Authorization: Bearer <API KEY>' \\\n--output {_local(name)}",
        ),
        UsageExample("entrepot", f"entrepot pull {_reference(file)}"),
    ]
    tables = [
        UsageExample(
            "Python",
            "from entrepot_client import Client\n\n"
            f'table = Client().read("{_reference(file)}", into="pandas")',
        ),
        UsageExample(
            "DuckDB",
            "INSTALL httpfs; LOAD httpfs;\n"
            f"CREATE SECRET entrepot (TYPE http, BEARER_TOKEN '<API KEY>', SCOPE '{endpoint}/');\n"
            f"FROM '{parquet}';",
        ),
    ]
    return [*plain, *(tables if file.row_count is not None else [])]


def _reference(file: FileRecord) -> str:
    """What names the file to the program: its path, which may be another's in another account."""
    return str(file.id) if file.path is None or file.is_foreign else file.path


def _upload_option(name: str) -> str:
    """The option of curl that uploads the local file; curl takes `{a,b}` and `[1-3]` in a name for
    several files, if it is not kept from it."""
    glob = "--globoff " if set(name) & set("[]{}") else ""
    return f"{glob}--upload-file {_local(name)}"


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
    return UsageExample("Follow the task of the upload", _command(follow, api_key))


def _command(first: str, api_key: str, *more: str) -> str:
    lines = [
        first,
        "--header 'Accept: application/json'",
        f"--header 'Authorization: Bearer {api_key}'",
        *more,
    ]
    return " \\\n".join(lines)
