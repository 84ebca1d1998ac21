"""What `deploy/` has is what its tools accept, and its command lines run."""

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from tests.support import seaweedfs
from tests.support.api import CSV, PLAIN
from tests.support.apt import installed_program
from tests.support.hosts import Hosts
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.seaweedfs import PORTS, environment
from tests.support.server import PROGRAM, Server, make_server
from tests.support.wait import UNHURRIED, wait_until

from entrepot.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROXY_PAGE = (ROOT / "docs" / "how-to" / "run-behind-a-proxy.md").read_text()
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MAX_EXPOSURE = 2.5
"""Of `systemd-analyze security`, from 0 to 10."""
COMPOSITION: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
TOOLS = Path(sys.executable).parent
# The SDK of this process keeps the first ones that it finds, so that all tests have the same.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": seaweedfs.CREDENTIALS["accessKey"],
    "AWS_SECRET_ACCESS_KEY": seaweedfs.CREDENTIALS["secretKey"],
}


def run(*command: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )


def test_the_containerfile_passes_its_linter() -> None:
    linted = run(TOOLS / "hadolint", DEPLOY / "Containerfile")
    assert linted.returncode == 0, linted.stdout
    text = (DEPLOY / "Containerfile").read_text()
    assert re.search(r"^USER 10001:10001$", text, re.M)
    for copied in re.findall(r"^COPY ((?!--from).*) \S+$", text, re.M):
        for name in copied.split():
            assert (ROOT / name).exists(), name


def test_the_composition_passes_its_linter() -> None:
    linted = run(TOOLS / "compose-lint", "check", DEPLOY / "compose.yml", "--fail-on", "high")
    assert linted.returncode == 0, linted.stdout
    for name, service in COMPOSITION["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service


def test_the_composition_names_settings_and_volumes_that_there_are() -> None:
    names = {f"ENTREPOT_{name.upper()}" for name in Settings.model_fields}
    variables = COMPOSITION["x-entrepot"]["environment"].keys()
    assert {name for name in variables if not name.startswith("AWS_")} <= names
    for service in COMPOSITION["services"].values():
        for volume in service["volumes"]:
            source, _, target = volume.partition(":")
            if target and not source.startswith("."):
                assert source in COMPOSITION["volumes"]


@pytest.fixture
def store_of_containers(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The composition's store and bucket, run as processes: the variables for its address."""
    services, variables = COMPOSITION["services"], COMPOSITION["x-entrepot"]["environment"]
    ports = [free_port() for _ in PORTS]
    master, s3 = f"127.0.0.1:{ports[0]}.{ports[1]}", ports[6]
    placed = {"-ip=seaweedfs": "-ip=127.0.0.1", "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1"}
    placed |= {"-dir=/data": f"-dir={tmp_path}", "-s3.port=8333": f"-s3.port={s3}"}
    words = [placed.get(word, word) for word in services["seaweedfs"]["command"]]
    options = [f"-{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    for name in CREDENTIALS:
        assert services["seaweedfs"]["environment"][name] == variables[name]
    process_variables = {**os.environ, **CREDENTIALS, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    command = [*services["seaweedfs"]["entrypoint"], *words, *options]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=process_variables, stdout=log, stderr=log, cwd=tmp_path
        )

    def is_healthy() -> bool:
        address = services["seaweedfs"]["healthcheck"]["test"][-1].replace("8333", str(s3))
        with suppress(httpx2.TransportError):
            return httpx2.get(address, trust_env=False, verify=PLAIN).status_code == 200
        return False

    (line,) = services["bucket"]["command"]
    bucket = [*services["bucket"]["entrypoint"], line.replace("seaweedfs:9333", master)]
    try:
        wait_until(is_healthy, (tmp_path / "log").read_text)
        for _ in range(2):  # a second start finds it there
            subprocess.run(bucket, env=process_variables, timeout=UNHURRIED, check=True)
        yield {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{s3}",
            "AWS_REGION": "us-east-1",
        }
    finally:
        process.kill()
        process.wait()


def test_the_containers_commands_serve_together(
    postgres: Postgres, store_of_containers: dict[str, str]
) -> None:
    """Two with the API and one worker of two, as processes with the containers' settings."""
    hosts = Hosts(postgres.new_database())
    services = COMPOSITION["services"]
    with environment(store_of_containers):
        serve_together(hosts, services)


def serve_together(hosts: Hosts, services: dict[str, Any]) -> None:
    store = COMPOSITION["x-entrepot"]["environment"]["ENTREPOT_STORE"]
    try:
        for name in ("api-1", "api-2", "worker"):
            command = services[name]["command"]
            role = command[command.index("--role") + 1]
            port = free_port()
            chosen = {"metrics_port": port, "trusted_proxies": "172.30.0.0/24", "store": store}
            server = hosts.add(name, role, shared=False, **chosen)
            server.overrides.pop("role")
            server.command = tuple(command)
            server.overrides["role"] = role
        hosts.start("api-1", "api-2", "worker")
        account = hosts.servers["api-1"].new_account()
        task = account.api.deliver(CSV)
        other = hosts.servers["api-2"].api(account.api_key)
        assert other.get(f"/file/download/{task['file_id']}").content == CSV
        port = hosts.servers["worker"].overrides["metrics_port"]
        check = services["worker"]["healthcheck"]["test"]
        assert check[:3] == ["CMD", "python", "-c"]
        assert run(sys.executable, "-c", check[3].replace("9464", str(port))).returncode == 0
        assert run(sys.executable, "-c", check[3].replace("9464", str(free_port()))).returncode == 1
        in_image = re.search(r"\"-c\", \"(.*)\"\]", (DEPLOY / "Containerfile").read_text())
        assert in_image is not None
        port = hosts.servers["api-1"].overrides["port"]
        assert run(sys.executable, "-c", in_image[1].replace("8080", str(port))).returncode == 0
    finally:
        hosts.close()


def test_the_caddyfile_is_valid() -> None:
    valid = run(
        TOOLS / "caddy",
        "validate",
        "--adapter=caddyfile",
        "--config",
        DEPLOY / "Caddyfile",
        ENTREPOT_DOMAIN="files.example.com",
    )
    assert valid.returncode == 0, valid.stderr
    upstreams = re.search(r"reverse_proxy ([^{]*)", (DEPLOY / "Caddyfile").read_text())
    assert upstreams is not None
    assert upstreams[1].split() == ["api-1:8080", "api-2:8080"]
    assert run(TOOLS / "caddy", "fmt", "--diff", DEPLOY / "Caddyfile").returncode == 0


@pytest.fixture
def proxy_folder() -> Iterator[Path]:
    """A folder for one proxy, which keeps nothing elsewhere."""
    folder = Path(tempfile.mkdtemp(prefix="ec-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def caddy(folder: Path, block: str, port: int) -> list[Path | str]:
    text = block.replace("files.example.com", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tpersist_config off\n}\n" + text)
    return [TOOLS / "caddy", "run", "--adapter=caddyfile", "--config", folder / "Caddyfile"]


def nginx(folder: Path, block: str, port: int) -> list[Path | str]:
    """Debian's, unpacked: its installation would start it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        assert shutil.which("apt-get"), "install nginx"
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(["apt-get", "download", "-q", "nginx"], check=True, cwd=folder)
        (package,) = folder.glob("nginx_*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder / "nginx"], check=True)
        program = str(folder / "nginx" / "usr" / "sbin" / "nginx")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    text = block.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    assert text != block
    (folder / "nginx.conf").write_text(
        f"daemon off;\nuser {getpass.getuser()};\npid {folder}/pid;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{text}}}\n"
    )
    return [program, "-e", folder / "log", "-c", folder / "nginx.conf"]


@pytest.mark.parametrize(
    ("language", "command_of"), [("caddyfile", caddy), ("nginx", nginx)], ids=["caddy", "nginx"]
)
def test_everything_works_behind_the_pages_proxy(
    server: Server,
    proxy_folder: Path,
    language: str,
    command_of: Callable[[Path, str, int], list[Path | str]],
) -> None:
    """The configuration of the page, with addresses of this machine and without TLS."""
    block = re.search(rf"```{language}\n(.*?)```", PROXY_PAGE, re.S)
    assert block is not None
    port = free_port()
    text = block[1].replace("127.0.0.1:8080", server.endpoint.removeprefix("http://"))
    command = command_of(proxy_folder, text, port)
    home = {name: str(proxy_folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    with (proxy_folder / "log").open("a") as log:
        process = subprocess.Popen(command, env={**os.environ, **home}, stdout=log, stderr=log)
    try:
        account = server.new_account()
        api = type(account.api)(f"http://127.0.0.1:{port}", account.api_key)

        def answers() -> bool:
            try:
                return api.get("/account").status_code == 200
            except httpx2.TransportError:
                return False

        wait_until(answers, (proxy_folder / "log").read_text)
        content = b"a,b\n" + b"1,2\n" * 1_000_000
        answer = api.upload(content, limit=10_000_000)
        assert answer.status_code == 202
        *_, last = api.events(answer.json()["task_id"])
        assert last.data["status"] == "succeeded"  # type: ignore[union-attr]
        file_id = last.data["file_id"]  # type: ignore[union-attr]
        assert api.get(f"/file/download/{file_id}").content == content
        part = api.get(f"/file/download/{file_id}", headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"1,2\n")
        page = httpx2.get(f"http://127.0.0.1:{port}/sign-in", trust_env=False, verify=PLAIN)
        assert page.status_code == 200
        api.close()
    finally:
        process.terminate()
        process.wait()


def test_the_pages_lines_for_traefik_name_only_what_they_define() -> None:
    """Traefik itself is not run: no registry has it."""
    dynamic, static = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PROXY_PAGE, re.S))
    (router,) = dynamic["http"]["routers"].values()
    assert router["service"] in dynamic["http"]["services"]
    assert set(router["middlewares"]) == dynamic["http"]["middlewares"].keys()
    assert static["entryPoints"]["websecure"]["transport"]["respondingTimeouts"]


@pytest.fixture(scope="module")
def systemd_analyze() -> str:
    """The path of systemd's linter."""
    return installed_program("systemd-analyze", package="systemd")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_passes_its_linter(unit: Path, systemd_analyze: str, tmp_path: Path) -> None:
    """With the program of this machine, whose users and folders are others."""
    text = unit.read_text().replace("/opt/entrepot/bin/entrepot", str(PROGRAM))
    text = re.sub(r"^(User|Group)=.*$", "", text, flags=re.M)
    here = tmp_path / unit.name
    here.write_text(text)
    verified = run(systemd_analyze, "verify", here)
    assert verified.returncode == 0
    assert unit.name not in verified.stderr, verified.stderr
    exposure = run(systemd_analyze, "security", "--offline=true", here).stdout
    level = re.search(r"exposure level for \S+: (\S+)", exposure)
    assert level is not None, exposure
    assert float(level[1]) <= MAX_EXPOSURE, exposure


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_units_command_line_runs(unit: Path, postgres: Postgres) -> None:
    line = re.search(r"^ExecStart=(.*)$", unit.read_text(), re.M)
    assert line is not None
    program, *words = shlex.split(line[1])
    assert program == "/opt/entrepot/bin/entrepot"
    at = words.index("--data")
    assert words.pop(at + 1) == "/var/lib/entrepot"
    words.pop(at)
    role = words[words.index("--role") + 1] if "--role" in words else "all"
    server = make_server(tuple(words), metrics_port=free_port())
    if role != "all":
        server.overrides["database"] = postgres.new_database()
    metrics = f"http://127.0.0.1:{server.overrides['metrics_port']}/metrics"

    def is_up() -> bool:
        assert server.runs(), server.log_file.read_text()
        try:
            return httpx2.get(metrics, trust_env=False, verify=PLAIN).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        server.spawn()
        wait_until(is_up, server.log_file.read_text, 180)
        assert server.stop() == 0
    finally:
        server.close()


@pytest.mark.parametrize(
    "address",
    ["https://example.com/files", "https://example.com/?a=b", "https://example.com/#a", "https://",
     "https://user:pa55phrase@example.com", "https://exa mple.com", "https://example.com:99999"],
)  # fmt: skip
def test_a_public_address_that_is_no_hosts_own_is_refused(address: str) -> None:
    server = make_server(public_url=address, preloaded=False)
    try:
        assert server.spawn().wait(180) == 1
        output = " ".join(server.log_file.read_text().split())
        assert "public_url" in output
        assert "https://files.example.com" in output
        assert "pa55phrase" not in output
    finally:
        server.close()
