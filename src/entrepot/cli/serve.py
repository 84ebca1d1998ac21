"""`entrepot serve` and `entrepot demo`."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime

import structlog

from entrepot.accounts.accounts import has_accounts
from entrepot.bootstrap.other_settings import explain_other_settings, find_other_settings
from entrepot.bootstrap.parts import build_parts
from entrepot.bootstrap.shared_folder import refuse_local_locks
from entrepot.cli.data_folder import hold_data_folder
from entrepot.cli.database_errors import explain_database_errors
from entrepot.cli.logs import configure_logs
from entrepot.cli.samples import rejected_task, seed_demo, sign_in_link, wait_until_published
from entrepot.cli.start import choose_ports, prepare_installation, refuse_foreign_store
from entrepot.cli.supervise import Supervisor
from entrepot.errors import StartRefused
from entrepot.http.web.usage_examples import first_upload, published_examples
from entrepot.inspection.sandbox.lockdown import missing_layers
from entrepot.inspection.sandbox.spawn import LoadingFork
from entrepot.settings import Settings

log = structlog.get_logger(__name__)

PrintLine = Callable[[str], None]


def serve(
    settings: Settings,
    print_line: PrintLine,
    fork_servers: Sequence[LoadingFork] = (),
    demo: bool = False,
) -> int:
    """Run the server until a signal stops it, and return the exit status. A demo has an account and
    samples. Raises StartRefused."""
    configure_logs(settings)
    warn_of_missing_layers()
    _refuse_weak_sandbox(settings)
    if settings.embedded and settings.role != "all":
        raise StartRefused(
            reason="The roles api and worker need PostgreSQL: set ENTREPOT_DATABASE."
        )
    refuse_local_locks(settings)
    with explain_database_errors(settings):
        refuse_foreign_store(settings)
    with hold_data_folder(settings, settings.endpoint, datetime.now(UTC)) as lock:
        settings = choose_ports(settings)
        lock.record_address(settings.listen_url)

        def ready(lines: list[str]) -> None:
            if demo:
                with closing(build_parts(settings)) as parts:
                    wait_until_published(parts)
            print_line("\n".join(lines))

        return Supervisor(settings, fork_servers).run(lambda: _prepare(settings, demo), ready)


def _prepare(settings: Settings, demo: bool) -> list[str]:
    """Prepare the installation; the lines to print at the end of the start. Raises StartRefused."""
    with explain_database_errors(settings):
        prepare_installation(settings)
        _warn_of_other_settings(settings)
    lines = [f"Entrepot keeps its data in {settings.data}"]
    if demo:
        lines += _seed(settings)
    elif settings.role != "worker":
        lines += [f"Entrepot serves {settings.endpoint}", *_first_steps(settings)]
    if settings.metrics_port is not None:
        lines += [f"Metrics   {settings.metrics_url}"]
    return lines


def _warn_of_other_settings(settings: Settings) -> None:
    """Log what other hosts are set to otherwise, once at the start. They may be about to restart
    with the settings of this one, so it is not refused."""
    if settings.embedded:
        return
    with closing(build_parts(settings)) as parts:
        if names := find_other_settings(settings, parts.database):
            log.warning(explain_other_settings(names), settings=names)


def warn_of_missing_layers() -> None:
    """Log each layer of the sandbox that this host lacks, once at the start."""
    for layer in missing_layers():
        log.warning("the sandbox lacks a layer", layer=layer)


def _refuse_weak_sandbox(settings: Settings) -> None:
    """Raises StartRefused where workers need layers that this host lacks."""
    missing = missing_layers()
    if missing and settings.sandbox == "require" and settings.role != "api":
        raise StartRefused(
            reason=f"ENTREPOT_SANDBOX is require, but this host lacks: {'; '.join(missing)}. Run "
            "the server on a kernel that has them, or set best-effort to read files with the other "
            "layers alone. Nothing was changed."
        )


def _first_steps(settings: Settings) -> list[str]:
    """The commands to run while no account exists."""
    with closing(build_parts(settings)) as parts:
        if parts.database.read(has_accounts):
            return []
    return [
        "There is no account yet. In another terminal:",
        f"  export ENTREPOT_DATA={shlex.quote(str(settings.data.resolve()))}",
        "  entrepot admin account create acme --quota 10GB",
        "  entrepot admin user create acme:maria --role admin",
        "  entrepot admin user link acme:maria",
        "Open the address that the last one prints. Its page of keys makes one for programs.",
    ]


def _seed(settings: Settings) -> list[str]:
    with closing(build_parts(settings)) as parts:
        api_key = seed_demo(parts)
        link = settings.endpoint + sign_in_link(parts)
        task_id = rejected_task(parts)
    return [
        "",
        "Lines for curl, ready to paste:",
        "",
        *curl_lines(settings.endpoint, api_key),
        "",
        "For the command line, in a second terminal:",
        "",
        f"export ENTREPOT_ENDPOINT='{settings.endpoint}' ENTREPOT_API_KEY='{api_key}' "
        f"ENTREPOT_DATA={shlex.quote(str(settings.data.resolve()))}",
        "",
        f"Endpoint  {settings.endpoint}",
        f"API key   {api_key}",
        f"Sign in   {link}",
        *([f"Rejected  {settings.endpoint}/tasks/{task_id}"] if task_id else []),
        "",
        "Open the address after `Sign in` in a browser.",
        "It works once; each start prints another.",
        *(
            ["Then open the address after `Rejected`. It shows why a delivery was rejected."]
            if task_id
            else []
        ),
        "",
        "Ctrl-C ends it.",
    ]


def curl_lines(endpoint: str, api_key: str) -> list[str]:
    """The API's published examples, ready to paste, with the command that creates what they
    upload."""
    lines: list[str] = []
    for example in published_examples(endpoint, api_key, path="numbers.csv"):
        text = first_upload(endpoint, api_key) if "--form" in example.text else example.text
        lines += ["", *text.split("\n")]
    return lines[1:]
