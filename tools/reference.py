"""Write the tables of docs/reference from the code, so that they say what the code does.

Each page keeps its hand-written part; what lies between its two marks is written again:

    uv run python tools/reference.py

`tests/docs` fails when a page is behind the code.
"""

import inspect
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fastapi.routing import RouteContext
from prometheus_client.metrics_core import Metric
from pydantic.fields import FieldInfo

from entrepot.bootstrap.parts import Parts, build_parts
from entrepot.cli.data_folder import make_data_folder
from entrepot.cli.metrics import InstallationCollector
from entrepot.cli.start import migrate_installation
from entrepot.http.api.openapi.document import api_routes, required_scope
from entrepot.http.app import create_app
from entrepot.http.problems import table
from entrepot.inspection.report.error_kinds import ERROR_KINDS
from entrepot.metrics.process_metrics import ProcessMetrics
from entrepot.schemas import types
from entrepot.schemas.reading import support
from entrepot.settings import Settings, read_settings
from entrepot_client.cli.main import build

sys.path.insert(0, str(Path(__file__).parent))
import python_reference
import report_cases

PAGES = Path(__file__).parent.parent / "docs" / "reference"
BEGIN, END = "<!-- written by tools/reference.py -->", "<!-- end of what is written -->"
EVERYWHERE = {"--format", "--debug"}


def settings_table() -> str:
    """Every setting: its variable, default and meaning."""
    fields = Settings.model_fields.items()
    rows = [
        (f"`{name}`", f"`ENTREPOT_{name.upper()}`", _default(name, field), field.description or "")
        for name, field in fields
    ]
    return _table(("setting", "variable", "default", "meaning"), rows)


def problems_table() -> str:
    """Every problem by its code."""
    kinds = sorted(table.all_kinds().values(), key=lambda kind: (kind.status, kind.code))
    rows = [(f"`{k.code}`", str(k.status), k.title, k.advice) for k in kinds]
    return _table(("code", "status", "title", "what to do"), rows)


def routes_table() -> str:
    """The routes of the API, then the pages for people."""
    api, pages = [], []
    for route in sorted(
        _routes(), key=lambda route: (route.path or "", sorted(route.methods or ()))
    ):
        methods = " ".join(sorted(route.methods or ()))
        first = (inspect.getdoc(route.endpoint) or "").split("\n\n")[0].replace("\n", " ")
        if route.include_in_schema:
            api.append((f"`{methods}`", f"`{route.path}`", _scope(route), first))
        else:
            pages.append((f"`{methods}`", f"`{route.path}`", first))
    return "\n\n".join(
        (
            _table(("method", "path", "key's scope", "what it does"), api),
            "## Pages for people",
            "A browser's session serves these alone; it is never valid on `/api/v1`. The pages of "
            "links need none.",
            _table(("method", "path", "what it does"), pages),
        )
    )


def commands_text() -> str:
    """Every command with its usage, options and example."""
    root, broken = build()
    if broken:
        raise SystemExit(f"plug-ins that did not load: {broken}")
    return "\n\n".join(_command(path, command) for path, command in _commands(root, "entrepot"))


def types_table() -> str:
    """Every type of a field with its formats and constraints."""
    rows = []
    for name, constraints in types.CONSTRAINTS.items():
        known = sorted(types.FORMATS.get(name, {"default"}) - {"default"})
        formats = [f"`{form}`" for form in known]
        if directives := types.DIRECTIVES.get(name):
            formats.append(" ".join(f"`%{letter}`" for letter in directives))
        allowed = ", ".join(f"`{constraint}`" for constraint in sorted(constraints))
        rows.append((f"`{name}`", ", ".join(formats), allowed))
    return _table(("type", "formats beside the default", "constraints"), rows)


def dialects_table() -> str:
    """What each property of a dialect, and the encoding, does in each format."""
    names = support.FORMAT_NAMES
    rows = [
        (f"`{name}`", *(f"**{s}**" if s == support.EFFECT else s for s in row.values()))
        for name, row in support.SUPPORT.items()
    ]
    return _table(("property", *names.values()), rows)


def reports_text() -> str:
    """Every code of an error, and the sentence of each kind of breakage."""
    kinds = ERROR_KINDS.values()
    codes = [(f"`{kind.code}`", f"`{kind.type}`", kind.meaning) for kind in kinds]
    sentences = [
        (case.kind, report_cases.first_message(inspection))
        for case, inspection in report_cases.inspect_cases()
    ]
    files = [
        (f"`{name}`", report_cases.first_message(inspection))
        for name, inspection in report_cases.contract_cases()
        if inspection.verdict != "conforms"
    ]
    return "\n\n".join(
        (
            _table(("code", "type", "meaning"), codes),
            "## The sentence of each kind",
            "The first error of a small delivery of each kind (`tools/report_cases.py`):",
            _table(("what is wrong", "message"), sentences),
            "And of the files in `tests/inspection/cases/contract`:",
            _table(("file", "message"), files),
        )
    )


def metrics_table() -> str:
    """Every metric: what the processes count, and what is read at a scrape."""
    counted = [
        (f"`{_shown_name(metric)}`", metric.type, _labels(labels), metric.documentation)
        for metric, labels in _counted_metrics()
    ]
    with _new_installation(metrics_by_account=True) as parts:
        read = [
            (f"`{_shown_name(each)}`", each.type, _labels(each._labelnames), each.documentation)
            for each in InstallationCollector(parts).collect()
        ]
    columns = ("metric", "type", "labels", "meaning")
    return "\n\n".join(
        (
            "What each server counts since its start:",
            _table(columns, counted),
            "What is read at each scrape:",
            _table(columns, read),
        )
    )


def _counted_metrics() -> Iterator[tuple[Metric, Iterable[str]]]:
    for metric in ProcessMetrics().describe():
        (family,) = metric.describe()
        yield family, metric._labelnames


def _shown_name(metric: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(metric.type, "")
    return metric.name + suffix


def _labels(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


WRITERS: dict[str, Callable[[], str]] = {
    "settings.md": settings_table,
    "problems.md": problems_table,
    "routes.md": routes_table,
    "commands.md": commands_text,
    "schemas.md": types_table,
    "dialects.md": dialects_table,
    "reports.md": reports_text,
    "metrics.md": metrics_table,
    "python.md": python_reference.python_text,
}


def renewed(page: str, text: str) -> str:
    """The text of a page with the part between its marks written again."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks the marks of what is written.")
    return f"{before}{BEGIN}\n\n{WRITERS[page]()}\n\n{END}{after}"


def main() -> None:
    """Renew every page."""
    for page in WRITERS:
        path = PAGES / page
        path.write_text(renewed(page, path.read_text()))
        print(path.relative_to(PAGES.parent.parent))


def _default(name: str, field: FieldInfo) -> str:
    if name == "data":
        return "the platform's folder for application data"
    value = field.get_default(call_default_factory=True)
    return "unset" if value in (None, []) else f"`{value}`"


@contextmanager
def _new_installation(**overrides: Any) -> Iterator[Parts]:
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(data=Path(folder) / "data", **overrides)
        make_data_folder(settings.data)
        migrate_installation(settings)
        with closing(build_parts(settings)) as parts:
            yield parts


def _routes() -> list[RouteContext]:
    with _new_installation() as parts:
        app, _ = create_app(parts, ProcessMetrics())
        return api_routes(app)


def _scope(route: RouteContext) -> str:
    scope = required_scope(route)
    return f"`{scope}`" if scope not in (None, "any") else scope or "no key"


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name, child in sorted(below.items()):
        yield from _commands(child, f"{path} {name}")


def _command(path: str, command: Any) -> str:
    context = command.make_context(path, [], resilient_parsing=True)
    arguments = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    options = [
        f"- `{names}`: {text}"
        for param in command.params
        if param.param_type_name == "option" and not EVERYWHERE.intersection(param.opts)
        for names, text in [param.get_help_record(context) or ("", "")]
    ]
    description = inspect.cleandoc(command.help or "").replace("\n", " ")
    lines = [f"## {path}", "", description, "", "```text", arguments, "```"]
    if options:
        lines += ["", *options]
    if command.epilog:
        example = command.epilog.partition("Example: ")[2]
        lines += ["", f"Example: `{example}`"]
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in lines)


if __name__ == "__main__":
    main()
