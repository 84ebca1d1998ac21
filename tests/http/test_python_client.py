"""`from entrepot_client import Client`, and `entrepot://` in other libraries, with a real server.

On one database, since it only asks the API.
"""

import io
import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.dataframe
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.http.test_addresses import publish
from tests.support.server import Server, TestAccount
from tests.support.sharing import share

from entrepot_client import Client, Rejected, errors
from entrepot_client.filesystem import EntrepotFileSystem
from entrepot_client.transport import Transport

pytestmark = pytest.mark.parametrize("server", ["sqlite"], indirect=True)
SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "number"}]}
ORDERS = b"id,amount\n1,2.5\n2,3\n"
BROKEN = b"id,amount\n1,much\n"


@pytest.fixture
def client(
    server: Server, account: TestAccount, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """The account's admin, by the environment."""
    monkeypatch.setenv("ENTREPOT_ENDPOINT", server.endpoint)
    monkeypatch.setenv("ENTREPOT_API_KEY", account.api_key)
    with Client() as connected:
        yield connected


@pytest.fixture
def name() -> str:
    return f"orders-{secrets.token_hex(4)}.csv"


def test_whatever_holds_bytes_can_be_pushed(client: Client, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ORDERS)
    first = client.push(path, enforce_schema=SCHEMA).wait()
    assert (first.version, first.file_name, first.row_count) == (1, name, 2)
    for source in (str(path), ORDERS, io.BytesIO(ORDERS)):
        version = client.push(source, to=name).wait()
        assert (version.file_id, version.file_name) == (first.file_id, name)
    with path.open("rb") as file:
        assert client.push(file, to=first.file_id).wait().version == 5
    with path.open() as text, pytest.raises(errors.UnknownSource, match="'rb'"):
        client.push(text, to=name)
    with pytest.raises(ValueError, match="name="):
        client.push(ORDERS)
    with pytest.raises(TypeError, match="type int"):
        client.push(1, name="x")


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars", "duckdb"])
def test_tables_are_pushed_and_read_with_their_types(
    client: Client, name: str, library: str
) -> None:
    table = pa.table({"id": [1, 2], "amount": [2.5, None]})
    query = "select * from (values (1::bigint, 2.5::double), (2, null)) t(id, amount)"
    tables: dict[str, Any] = {
        "pyarrow": table,
        "pandas": table.to_pandas(),
        "polars": pl.from_arrow(table),
        "duckdb": duckdb.sql(query),
    }  # fmt: skip
    version = client.push(tables[library], name=f"{name}.parquet").wait()
    result = client.read(version.file_id)
    assert result.column_names == ["id", "amount"]
    assert result.to_pydict() == {"id": [1, 2], "amount": [2.5, None]}
    assert client.read(version.file_id, into="pandas", columns=["id"])["id"].tolist() == [1, 2]
    assert client.read(version.file_id, into="polars")["amount"].to_list() == [2.5, None]


def test_a_rejection_is_raised_with_its_report(client: Client, name: str) -> None:
    file_id = client.push(ORDERS, name=name, enforce_schema=SCHEMA).wait().file_id
    with pytest.raises(Rejected, match="amount") as caught:
        client.push(BROKEN, to=file_id).wait()
    (error,) = caught.value.report.errors
    assert (error.column, error.cell, error.row) == ("amount", "much", 2)
    assert "amount" in error.message
    assert caught.value.report.error_count == 1
    assert client.file(file_id).version == 1
    with pytest.raises(errors.NoSuchVersion, match="no version 9"):
        client.read(file_id, version=9)


def test_a_file_is_found_by_id_prefix_and_name(client: Client, name: str) -> None:
    file_id = client.push(ORDERS, name=name).wait().file_id
    assert client.file(name).file_id == file_id
    assert client.file(file_id[:18]).file_id == file_id
    with pytest.raises(errors.NoSuchFile):
        client.file(f"no-{name}")
    other = client.push(ORDERS, name=name).wait().file_id
    with pytest.raises(errors.AmbiguousFile) as caught:
        client.file(name)
    assert set(caught.value.file_ids) == {file_id, other}


def test_a_missing_library_is_named(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    file_id = client.push(ORDERS, name=name).wait().file_id
    with pytest.raises(errors.MissingPackage, match="pip install polars"):
        client.read(file_id, into="polars")


def test_the_file_system(client: Client, account: TestAccount, name: str, tmp_path: Path) -> None:
    fs = EntrepotFileSystem()
    path = f"entrepot://{account.name}/{name}"
    local = tmp_path / "local.csv"
    local.write_bytes(ORDERS)
    fs.put(str(local), path)
    fs.pipe(path, ORDERS + b"3,4\n")
    assert fs.info(path)["version"] == 2
    assert fs.info(f"{path}@1")["size"] == len(ORDERS)
    assert fs.cat(f"{path}@1") == ORDERS
    assert fs.cat_file(path, start=3, end=9) == ORDERS[3:9]
    assert f"{account.name}/{name}" in fs.ls(f"entrepot://{account.name}", detail=False)
    assert account.name in fs.ls("entrepot://", detail=False)
    assert not fs.exists(f"{path}@9")
    assert not fs.exists(f"{path}x")
    fs.get(path, str(local))
    assert local.read_bytes() == ORDERS + b"3,4\n"
    with fs.open(f"{path}@1", "rb", block_size=5) as file:
        file.seek(3)
        assert file.read(4) == ORDERS[3:7]
    fs.rm(path)
    assert not fs.exists(path)
    with pytest.raises(FileNotFoundError):
        fs.pipe(f"entrepot://no-such-account/{name}", ORDERS)


def test_what_is_written_has_its_address(client: Client, account: TestAccount, name: str) -> None:
    fs = EntrepotFileSystem()
    folder = name.removesuffix(".csv")
    path = f"entrepot://{account.name}/{folder}/deep/orders"
    fs.pipe(path, ORDERS)
    assert (fs.info(path)["version"], fs.cat(path)) == (1, ORDERS)
    assert account.api.get(f"/d/{account.name}/{folder}/deep/orders.csv").status_code == 200
    fs.pipe(path, ORDERS + b"3,4\n")
    assert fs.cat(f"{path}@1") == ORDERS
    with pytest.raises(errors.Conflict, match="orders"):  # a form of the first one's
        fs.pipe(f"{path}.parquet", ORDERS)
    fs.pipe(f"entrepot://{account.name}/{folder} à.csv", ORDERS)  # no path has such characters
    assert fs.cat(f"entrepot://{account.name}/{folder} à.csv") == ORDERS


def test_folders(client: Client, account: TestAccount, name: str, tmp_path: Path) -> None:
    """`geo` is a file and a folder, and two files in different folders have the same name."""
    fs = EntrepotFileSystem()
    root = f"{account.name}/{name.removesuffix('.csv')}"
    tree = {"a/c": ORDERS + b"3,4\n", "c": ORDERS, "geo": ORDERS, "geo/deep/d": ORDERS}
    local = tmp_path / "local"
    for path in ("a/c", "c", "geo/deep/d"):
        (local / path).parent.mkdir(parents=True, exist_ok=True)
        (local / path).write_bytes(tree[path])
    fs.put(str(local), f"entrepot://{root}", recursive=True)
    fs.pipe(f"entrepot://{root}/geo", tree["geo"])
    assert fs.cat(fs.find(f"entrepot://{root}")) == {f"{root}/{p}": tree[p] for p in tree}

    assert fs.info(root) == {"name": root, "size": 0, "type": "directory"}
    assert root in fs.ls(account.name, detail=False)
    content = [f"{root}/a", f"{root}/geo", f"{root}/c", f"{root}/geo"]
    assert [entry["name"] for entry in fs.ls(root)] == fs.ls(root, detail=False) == content
    assert [entry["type"] for entry in fs.ls(root)] == 2 * ["directory"] + 2 * ["file"]
    assert fs.ls(f"{root}/geo", detail=False) == [f"{root}/geo/deep"]
    assert fs.glob(f"{root}/*/*") == [f"{root}/a/c", f"{root}/geo/deep"]
    assert list(fs.glob(f"{root}/a/**", detail=True)) == [f"{root}/a", f"{root}/a/c"]
    assert list(fs.walk(root)) == [
        (root, ["a", "geo"], ["c", "geo"]),
        (f"{root}/a", [], ["c"]),
        (f"{root}/geo", ["deep"], []),
        (f"{root}/geo/deep", [], ["d"]),
    ]
    assert fs.find(root) == [f"{root}/{path}" for path in tree]
    assert fs.du(root) == sum(map(len, tree.values()))
    for path, is_folder, is_file in (
        ("a", True, False), ("geo", True, True), ("geo/deep", True, False), ("c", False, True),
        ("ge", False, False), ("geo/", True, True), ("geo@1", False, True),
    ):  # fmt: skip
        at = f"entrepot://{root}/{path}"
        assert (fs.isdir(at), fs.isfile(at)) == (is_folder, is_file), path
        assert fs.exists(at) == (is_folder or is_file), path
    with pytest.raises(IsADirectoryError):
        fs.cat(f"{root}/a")
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{root}/a")
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{root}/b")
    with pytest.raises(ValueError, match="letters"):
        fs.pipe(f"{root}/a b", ORDERS)

    fs.get(f"{root}/geo/deep", str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy/d").read_bytes() == ORDERS
    fs.rm(f"{root}/geo", recursive=True)
    assert fs.find(root) == [f"{root}/a/c", f"{root}/c"]


def test_the_file_system_asks_for_one_folder_alone(
    client: Client, account: TestAccount, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[str] = []
    request = Transport.request

    def noting(self: Transport, method: str, path: str, **options: Any) -> Any:
        requests.append(path)
        return request(self, method, path, **options)

    other = server.new_account()
    for holder in (other, account):
        file_id = publish(holder.api, "one-folder/a", ORDERS)
        if holder is other:
            share(other.api, file_id, account.admin.user_name, "r")
    monkeypatch.setattr(Transport, "request", noting)
    fs, root = EntrepotFileSystem(), f"{account.name}/one-folder"
    assert fs.ls(root, detail=False) == [f"{root}/a"]
    assert (fs.isdir(root), fs.isdir(f"{root}/a"), fs.isdir(f"{other.name}/one-folder")) == (
        True, False, True,
    )  # fmt: skip
    assert [each[0] for each in fs.walk(root)] == [root]
    assert all("folder=one-folder" in each for each in requests), requests


def test_a_program_that_fails_delivers_nothing(
    client: Client, account: TestAccount, name: str
) -> None:
    path = f"entrepot://{account.name}/{name}"
    with pytest.warns(UserWarning, match="Nothing was delivered"):  # noqa: PT031
        with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117
            with fsspec.open(path, "wb") as file:
                file.write(ORDERS)
                1 // 0  # noqa: B018
        with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117
            with EntrepotFileSystem().open(path, "wb") as file:
                file.write(ORDERS)
                1 // 0  # noqa: B018
    assert not EntrepotFileSystem().exists(path)
    client.push(ORDERS, name=name, enforce_schema=SCHEMA).wait()
    with pytest.raises(Rejected), fsspec.open(path, "wb") as file:
        file.write(BROKEN)
    assert EntrepotFileSystem().cat(path) == ORDERS
    try:
        1 // 0  # noqa: B018
    except ZeroDivisionError:
        with fsspec.open(path, "wb") as file:  # opened by the handler: its program did not fail
            file.write(ORDERS + b"3,4\n")
    assert EntrepotFileSystem().info(path)["version"] == 3


def test_other_libraries_open_the_address(client: Client, account: TestAccount, name: str) -> None:
    path = f"entrepot://{account.name}/{name}"
    frame = pd.DataFrame({"id": [1, 2], "amount": [2.5, 3.0]})
    frame.to_csv(path, index=False)
    assert pd.read_csv(path).equals(frame)
    with fsspec.open(path) as file:
        assert pl.read_csv(file)["amount"].to_list() == [2.5, 3.0]
    with dask.config.set(scheduler="threads"):
        assert dask.dataframe.read_csv(path)["amount"].sum().compute() == 5.5
    with duckdb.connect() as connection:
        connection.register_filesystem(EntrepotFileSystem())
        assert connection.sql(f"select sum(amount) from '{path}'").fetchall() == [(5.5,)]
        table = f"{path.removesuffix('.csv')}.parquet"
        frame.to_parquet(table)
        assert pd.read_parquet(table).equals(frame)
        assert connection.sql(f"select max(id) from '{table}'").fetchall() == [(2,)]
        connection.sql(f"copy (select 3 as id) to '{table}' (use_tmp_file false)")
        assert connection.sql(f"select max(id) from '{table}'").fetchall() == [(3,)]
        with pytest.raises(duckdb.Error, match="USE_TMP_FILE false"):
            connection.sql(f"copy (select 4 as id) to '{table}'")
    with fsspec.open(table) as file:
        assert pl.read_parquet(file)["id"].to_list() == [3]


def test_profiles(
    server: Server,
    account: TestAccount,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from entrepot_client.cli.main import run

    for variable in ("ENTREPOT_ENDPOINT", "ENTREPOT_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(errors.NotConfigured, match="No endpoint"):
        Client()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{account.api_key}\n"))
    assert run(["auth", "login", server.endpoint, "--profile", "work"]) == 0
    with Client(profile="work") as client:
        assert client.whoami()["user_name"] == account.admin.user_name
    monkeypatch.setenv("ENTREPOT_PROFILE", "work")
    capsys.readouterr()
    assert run(["auth", "status", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["endpoint"] == server.endpoint
    monkeypatch.setenv("ENTREPOT_PROFILE", "home")
    with pytest.raises(errors.NotConfigured, match="'home'"):
        Client()
