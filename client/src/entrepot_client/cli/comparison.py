"""Show what differs between two tables: files that lie here, or two versions of one file."""

from typing import Any

from entrepot_client.cli.output import Format, Output
from entrepot_client.models import Document


def show_comparison(output: Output, found: Document) -> None:
    """Print a comparison, with `same`, as the server answers it."""
    if output.format is not Format.HUMAN:
        output.record(found, quiet="same", shown={})
        return
    for line in lines_of(found):
        output.line(line)


def lines_of(found: Document) -> list[str]:
    """The comparison in words, a line each."""
    lines = [f"column {name}: added" for name in found["columns_added"]]
    lines += [f"column {name}: removed" for name in found["columns_removed"]]
    lines += [f"column {c['name']}: {c['before']} → {c['after']}" for c in found["columns_retyped"]]
    if found["key_repeated"]:
        lines.append(f"{found['key_repeated']:,} rows repeat the key, so it was not used")
    changed = "" if found["changed"] is None else f", {found['changed']:,} changed"
    lines.append(
        f"rows: {found['rows_before']:,} → {found['rows_after']:,}; "
        f"{found['added']:,} added, {found['removed']:,} removed{changed}"
    )
    for sign, examples in (("+", found["examples_added"]), ("-", found["examples_removed"])):
        lines += [f"{sign} row {each['row']:,}: {_cells(each['cells'])}" for each in examples]
    for each in found["examples_changed"]:
        cells = (f"{name}: {old!r} → {new!r}" for name, (old, new) in each["cells"].items())
        lines.append(f"~ row {each['rowAfter']:,} ({_cells(each['key'])}): {', '.join(cells)}")
    return lines


def _cells(cells: dict[str, Any]) -> str:
    return ", ".join(f"{name}={cell}" for name, cell in cells.items())
