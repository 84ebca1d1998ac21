"""What the pages tell people to type does what they say, on a real demo."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.wait import wait_until

from entrepot.cli.samples import sample_content
from entrepot.cli.serve import curl_lines

ROOT = Path(__file__).parent.parent.parent
FENCED = re.compile(r"^```bash\n(.*?)^```$", re.M | re.S)
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
UPLOAD = "(echo number; seq 100 999)"
FOLLOW = "<TASK ID>"


def marked(mark: str) -> str:
    """The README's block of shell after a mark."""
    _, _, rest = (ROOT / "README.md").read_text().partition(f"<!-- {mark} -->")
    result = FENCED.search(rest)
    assert result is not None, mark
    return result.group(1).rstrip("\n")


def published_lines() -> str:
    """The README's blocks with the published examples, from their mark to the next heading."""
    section = (ROOT / "README.md").read_text().partition("<!-- lines -->")[2].partition("\n## ")[0]
    return "\n".join(FENCED.findall(section)).rstrip("\n")


def test_the_readme_shows_what_the_demo_prints(demo: Any) -> None:
    assert published_lines() == "\n".join(curl_lines("<ENDPOINT>", "<API KEY>"))
    printed = "\n".join(curl_lines(demo.printed("Endpoint"), demo.printed("API key")))
    assert printed in demo.output


def test_the_lines_work_as_they_are_pasted(demo: Any, tmp_path: Path) -> None:
    lines = published_lines().replace("<ENDPOINT>", demo.printed("Endpoint"))
    users, files, download, upload, follow = lines.replace(
        "<API KEY>", demo.printed("API key")
    ).split("\n\n")

    assert json.loads(demo.run(users, tmp_path))["users_list"][0]["user_name"] == "demo:account"
    entries = json.loads(demo.run(files, tmp_path))["files_list"][:2]
    assert [list(file.values())[:6] for file in entries] == [
        [
            "2023-11-25T13:25:00+0000",
            "rw",
            "Description",
            "53c9c295-83f4-4754-a781-cd03841c806f",
            "number_3_digits.csv",
            "demo:account",
        ],
        [
            "2023-11-25T13:38:26+0000",
            "rw",
            "Description",
            "be49ab3f-11c9-418a-aa24-a5c379bc8d5f",
            "percentage_metric.csv",
            "demo:account",
        ],
    ]
    assert demo.run(download, tmp_path).encode() == sample_content("number_3_digits.csv")

    assert upload.startswith(UPLOAD)
    answer = json.loads(demo.run(upload, tmp_path))
    assert list(answer) == ["task_id"]
    task = followed(demo, follow.replace(FOLLOW, answer["task_id"]), tmp_path)
    assert (task["status"], task["file_name"]) == ("succeeded", "numbers.csv")
    again = download.replace("53c9c295-83f4-4754-a781-cd03841c806f", task["file_id"])
    assert demo.run(again, tmp_path) == (tmp_path / "numbers.csv").read_text()


def followed(demo: Any, line: str, folder: Path) -> dict[str, Any]:
    """The task once it has ended, asked for by the pasted line."""
    task: dict[str, Any] = {}

    def has_ended() -> bool:
        task.update(json.loads(demo.run(line, folder)))
        return task["status"] in ("succeeded", "failed", "canceled")

    wait_until(has_ended, lambda: f"its end: {task}")
    return task


def test_the_lines_for_the_command_line_work(tmp_path: Path, demo: Any) -> None:
    """As the README has them, with nothing set but the line that the demo prints. Pasted a second
    time, they deliver to the same file."""
    [export] = [line for line in demo.output.splitlines() if line.startswith("export ")]
    activate, *lines = marked("client").splitlines()
    assert activate == ". .venv/bin/activate"
    first, versions = ("\n".join([export, *each]) for each in (lines, lines[-1:]))
    assert lines[-1].startswith("entrepot files versions ")

    def paste(options: str, script: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["bash", *options.split(), "-c", script],
            cwd=tmp_path,
            env={"PATH": demo.environment["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done

    done = paste("-euo pipefail", first)
    assert "rejected, exit status 5" in done.stdout
    assert "is not an integer" in done.stderr
    assert (tmp_path / "trial" / "cities.parquet").read_bytes().startswith(b"PAR1")
    again = paste("-u", first)  # a shell that continues after a command that fails, as a terminal's
    assert "entrepot push trial/cities.csv --to geo/cities" in again.stderr
    assert "rejected, exit status 5" in again.stdout
    numbers = paste("-e", f"{versions} --format quiet").stdout.split()
    assert numbers == ["5", "4", "3", "2", "1"], again.stderr


FOLLOWED = (
    "tutorial.md",
    "how-to/audit.md",
    "how-to/handle-a-rejected-delivery.md",
    "how-to/read-as-parquet.md",
    "how-to/share-a-file.md",
    "how-to/withdraw-a-version.md",
    "how-to/set-quotas.md",
    "how-to/manage-keys.md",
    "how-to/share-with-a-link.md",
    "roles/supplier.md",
    "roles/analyst.md",
    "roles/owner.md",
    "roles/operator.md",
)
"""The pages whose lines of bash are run, from the first to the last."""


def test_no_page_with_lines_to_paste_is_forgotten() -> None:
    docs = ROOT / "docs"
    pages = {str(p.relative_to(docs)) for p in docs.rglob("*.md") if FENCED.search(p.read_text())}
    # The first is followed below, the second in test_object_storage.py.
    assert pages == {*FOLLOWED, "how-to/back-up.md", "how-to/use-object-storage.md"}


@pytest.mark.parametrize("page", FOLLOWED)
def test_the_page_can_be_followed(page: str, demo: Any, tmp_path: Path) -> None:
    blocks = FENCED.findall((ROOT / "docs" / page).read_text())
    output = demo.run("\n".join(blocks), tmp_path)
    assert {each.name for each in tmp_path.iterdir()} <= {"trial-files"}  # what can be deleted
    if page == "tutorial.md":
        assert "exit status 5" in output
        assert "byte for byte the same" in output
        assert "schema-violation" in output
        assert '"type": "integer"' in output


def test_each_block_of_the_tutorial_can_be_pasted_twice(demo: Any, tmp_path: Path) -> None:
    """Into a terminal, which continues after a command that fails: only the definition of a file
    whose path is taken does."""
    blocks = FENCED.findall((ROOT / "docs" / "tutorial.md").read_text())
    *lines, last = [each for block in blocks for each in (block, block)]
    check = 'test "$PWD" = "$START"'
    script = "\n".join(["set +eu", "START=$PWD", *lines, last, f"{check} || exit 1", "ls -A"])
    output = demo.run(script, tmp_path)
    assert output.count("byte for byte the same") == 2
    assert output.count("exit status 5") == 2
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_asked_to_install_an_unpublished_name() -> None:
    """The names are not ours in the public index: whoever owns them there would be run."""
    pages = [ROOT / "README.md", ROOT / "client" / "README.md", *(ROOT / "docs").rglob("*.md")]
    name = re.compile(r"install ['\"]?entrepot(-client)?([\['\" ]|$)", re.M)
    asking = [page for page in pages if name.search(page.read_text())]
    assert asking == []


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("read-with-python.md", ("`much` is not a number", "1 2.5 ['id', 'amount']")),
        ("read-as-parquet.md", ("number", "shape: (5, 1)")),
    ],
)
def test_the_python_blocks_can_be_followed(
    page: str, printed: tuple[str, ...], demo: Any, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "how-to" / page).read_text()
    (tmp_path / "page.py").write_text("\n".join(PYTHON.findall(text)))
    output = demo.run("python page.py", tmp_path)
    assert all(each in output for each in printed), output


def test_a_backup_beside_the_running_server_is_whole(demo: Any, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "back-up.md").read_text()
    output = demo.run("\n".join(FENCED.findall(page)), tmp_path)
    assert "invariants hold" in output
    assert output.count(" holds") >= 5
    assert "WRONG" not in output


README = "# X\n<!-- start -->\n```bash\nexit 7\n```\n<!-- tests -->\n```bash\necho ran\n```\n"


def run_ci(folder: Path, readme: str, *programs: Path) -> "subprocess.CompletedProcess[str]":
    """`.ci/run` in a folder that has this README and what is there already. No interpreter of
    this machine is in PATH, but what lies in the folders `programs`."""
    (folder / ".ci").mkdir(exist_ok=True)
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("bash", "cat", "dirname", "mktemp", "rm", "sed"):
        if not (tools / name).exists():
            (tools / name).symlink_to(str(shutil.which(name)))
    (folder / "README.md").write_text(readme)
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci" / "run")
    return subprocess.run(
        [folder / ".ci" / "run"],
        env={"PATH": os.pathsep.join(map(str, (*programs, tools)))},
        capture_output=True,
        text=True,
        check=False,
    )


def write_program(path: Path, lines: str) -> None:
    """A program of shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


def test_ci_runs_the_readmes_own_command(tmp_path: Path) -> None:
    done = run_ci(tmp_path, README)
    assert (done.returncode, done.stdout) == (0, "+ echo ran\nran\n"), done.stderr
    assert run_ci(tmp_path, README.replace("echo ran", "exit 3")).returncode == 3
    assert run_ci(tmp_path, "# X\n").returncode == 1
    assert "uv run pytest" in marked("tests")
    assert "uv run --no-dev entrepot demo" in marked("start")


@pytest.mark.parametrize("place", ["bin/python3.12", "versions/3.12.1/bin/python"])
def test_ci_runs_the_fast_part_on_a_second_python(place: str, tmp_path: Path) -> None:
    """On one in PATH, or on one that pyenv has but did not switch on; either status counts."""
    write_program(tmp_path / ".venv" / "bin" / "python", "echo 3.13")
    write_program(tmp_path / ".venv" / "bin" / "uv", "echo uv $*; exit $(cat status)")
    (tmp_path / "status").write_text("0")
    write_program(tmp_path / "pyenv" / "shims" / "python3.12", "exit 127")
    write_program(tmp_path / "pyenv" / place, "exit 0")
    programs = (tmp_path / "pyenv" / "shims", tmp_path / "pyenv" / "bin")
    line = f".venv/bin/uv run --python {tmp_path}/pyenv/{place} pytest -n 2 --fast"
    done = run_ci(tmp_path, README, *programs)
    assert done.stdout.splitlines() == ["+ echo ran", "ran", f"+ {line}", f"uv{line[12:]}"]
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "status").write_text("4")
    assert run_ci(tmp_path, README, *programs).returncode == 4
    (tmp_path / "status").write_text("0")
    failing = run_ci(tmp_path, README.replace("echo ran", "exit 3"), *programs)
    assert (failing.returncode, failing.stdout.splitlines()[1]) == (3, f"+ {line}")
