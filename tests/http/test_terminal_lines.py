"""What each command prints in a terminal has no line that is wider than it, and breaks no id and no
command."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import CSV
from tests.support.server import Server, TestAccount
from tests.support.sharing import share
from tests.support.terminal import run_here_in_terminal

from entrepot_client.cli import progress
from entrepot_client.cli.main import build
from entrepot_client.cli.terminal.table import cell_width

WIDTHS = (60, 80, 100, 140)
NAME = "figures of all regions, corrected after the audit.csv"
REASON = "The prices in it are those of the month before, which nobody may use for an order."
SCHEMA = '{"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "number"}]}'
COMMANDS = f"""
auth status
quota
push good.csv --path sales/orders --schema schema.json --description "{REASON}"
push good.csv --path sales/orders
push good.csv --name twice.csv
push good.csv --name twice.csv
push bad.csv --schema schema.json
push bad.csv --to sales/orders
push other.csv --to sales/orders
push good.csv --to sales/orders --no-wait
push good.csv --to sales/orders --size-limit 1MB
push large.csv --to sales/orders
push large.csv --size-limit 10
push missing.csv
push good.csv bad.csv large.csv missing.csv
push few
files list
files list --min-size much
files show sales/orders
files show twice.csv
files show nothing.csv
files show sales/orders --versoin 3
files versions sales/orders
files preview sales/orders
files preview sales/orders --where "amount >"
files edit sales/orders
files edit sales/orders --name "{NAME}"
files edit sales/orders --size-limit 1
files compare sales/orders 1 3
files compare sales/orders 1 2
files accept sales/orders 2 --reason "{REASON}"
files accept-suggestion sales/orders 3
files restore sales/orders 1
files restore sales/orders 77
files share sales/orders {{guest}} read
files share sales/orders nobody:nobody read
files shared sales/orders
files unshare sales/orders {{guest}}
files decline-share sales/orders
files hand-over sales/orders {{guest}}
files take-over {{file_id}}
files decline {{file_id}}
files offers
files rm sales/orders --version 3 --yes
files rm sales/orders
files versions sales/orders
files undelete sales/orders --version 3
files withdraw sales/orders 1 --reason "{REASON}"
files undo-withdrawal sales/orders 1
report sales/orders --version 2
report sales/orders --rows rejected.csv
report sales/orders --rows rejected.csv
validate bad.csv --schema schema.json
validate bad.csv --file sales/orders
schema show sales/orders
schema infer good.csv
schema set sales/orders narrow.json
schema set sales/orders
schema accept-suggestion sales/orders 2
pull sales/orders --output pulled.csv
pull sales/orders --output pulled.csv
tasks list
tasks show {{task_id}}
tasks watch {{task_id}}
tasks cancel {{task_id}}
tasks show 12
uploads list
uploads rm {{file_id}}
senders list
senders accept partner
senders block partner
senders reset partner
links create sales/orders deliver --name "{NAME}"
links list sales/orders
links revoke sales/orders {{file_id}} --yes
activity list
activity list --file sales/orders
activity export record.jsonl
activity verify record.jsonl
activity verify good.csv
keys create nightly
keys list
keys revoke {{file_id}}
password
users list
users create {{account}}:{{name}}
users disable {{account}}:{{name}}
users enable {{account}}:{{name}}
users link {{account}}:{{name}}
users sign-out {{account}}:{{name}}
api GET whoami
compare good.csv other.csv
doctor
serve
demo --data {{data}}
admin init
admin init --data .
admin backup back-up
admin restore back-up
admin sweep
admin migrate
admin move --to postgresql://nobody:secret@nowhere/none
admin account create {{name}} --quota 10GB
admin account list
admin account list --data nowhere
admin account set {{name}} --quota 1GB
admin account suspend {{name}}
admin account resume {{name}}
admin account resume nobody
admin user create {{name}}:maria
admin user list
admin user link {{name}}:maria
admin user password {{name}}:maria
admin user disable {{name}}:maria
admin user enable {{name}}:maria
admin key create {{name}}:maria
admin key list
admin key revoke {{file_id}}
files undelete {{file_id}}
files rm sales/orders --yes
auth logout
auth login http://127.0.0.1:9
"""
"""Every command, in an order in which each has something to print; many of them fail."""
ID_AT_END = re.compile(r"\b[0-9a-f]{8}-(?!\d\d-)[0-9a-f-]{0,26}$")
UNBROKEN = re.compile(r"\s*([\w -]+  +)?(Error: )?(`[^`]+`|\S+)[.,;:]?")
"""A line that may be too wide: one word, a command, or one value after its label."""
LABELS = ("address", "data folder", "file", "link", "name", "page", "path", "report", "snapshot")


def leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    below = getattr(group, "commands", {})
    if not below:
        yield " ".join(path)
    for name, command in below.items():
        yield from leaves(command, (*path, name))


def test_every_command_is_run() -> None:
    lines = COMMANDS.strip().splitlines()
    every = set(leaves(build()[0]))
    missing = {
        name for name in every if not any(f"{line} ".startswith(f"{name} ") for line in lines)
    }
    assert missing == set()


def faults(lines: list[str], columns: int) -> list[str]:
    """The lines that are too wide, or in which an id or a command is broken."""
    document = 0
    bad = []
    for line in lines:
        # JSON is printed as it is.
        if line in ("{", "["):
            document += 1
        elif line in ("}", "]"):
            document -= 1
        if document:
            continue
        is_wide = cell_width(line) > columns and not UNBROKEN.fullmatch(line)
        is_wide = is_wide and not line.startswith(LABELS)
        if is_wide or ID_AT_END.search(line) or line.count("`") % 2:
            bad.append(line)
    return bad


@dataclass
class NamesOfLines:
    """What the lines of `COMMANDS` name."""

    account: TestAccount
    guest: str
    names: dict[str, str] = field(default_factory=dict)

    def arguments(self, line: str) -> list[str]:
        if "{file_id}" in line or "{task_id}" in line:
            (file,) = self.account.api.json("/files?path=sales/orders")["files_list"] or [{}]
            self.names["file_id"] = file.get("file_id") or self.names["file_id"]
            self.names["task_id"] = self.account.api.json("/tasks")["tasks_list"][0]["task_id"]
        return shlex.split(line.format(**self.names, guest=self.guest))


@contextmanager
def files_to_push(folder: Path) -> Iterator[None]:
    (folder / "few").mkdir()
    wrong = "".join(f"{n},not a number {n}\n" for n in range(30))
    for name, text in {
        "good.csv": CSV.decode(),
        "bad.csv": f"id,amount\n{wrong}",
        "other.csv": "id,amount,a_new_column\n1,2.5,x\n",
        "large.csv": "id,amount\n" + "1,2\n" * 900_000,
        "schema.json": SCHEMA,
        "narrow.json": SCHEMA.replace("number", "date"),
        "few/one.csv": "id,amount\n1,2\n",
        "few/two.csv": f"id,amount\n{wrong}",
    }.items():
        (folder / name).write_text(text)
    yield


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
@pytest.mark.parametrize("columns", WIDTHS)
def test_no_line_is_wider_than_the_terminal(
    server: Server,
    account: TestAccount,
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    guest = server.new_account()
    share(guest.api, guest.api.deliver(CSV)["file_id"], account.admin.user_name, "r")
    person = NamesOfLines(account, guest.admin.user_name)
    person.names |= {
        "account": account.name,
        "name": f"width-{columns}",
        "data": str(server.settings.data),
    }
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ENTREPOT_ENDPOINT": server.endpoint,
        "ENTREPOT_API_KEY": account.api_key,
        "ENTREPOT_DATA": str(server.settings.data),
        "NO_COLOR": "1",
        "TERM": "xterm",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COLUMNS", raising=False)
    # A bar appears in each command that has one, however quick it is.
    monkeypatch.setattr(progress, "_DELAY_SECONDS", 0)
    bad = {}
    with files_to_push(tmp_path):
        for line in COMMANDS.strip().splitlines():
            screen = run_here_in_terminal(person.arguments(line), columns)
            print(f"$ entrepot {line}\n{screen.text}")
            assert "did not expect" not in screen.text
            if bad_lines := faults(screen.drawn, columns):
                bad[line] = bad_lines
    assert bad == {}
