"""Show what differs between two tables."""

from typing import Any

from entrepot.inspection.results import Comparison
from entrepot_client.cli.failures import ExitStatus, Failure
from entrepot_client.cli.output import Format, Output


def show_comparison(output: Output, found: Comparison) -> None:
    """Print a comparison. Raises Failure where the tables could not be compared."""
    if found.verdict != "compared":
        raise Failure(found.detail, "Check that both are tables, and the key.", ExitStatus.FAILED)
    if output.format is not Format.HUMAN:
        output.record({**vars(found), "same": found.same}, quiet="same", shown={})
        return
    for line in lines_of(found):
        output.line(line)


def lines_of(found: Comparison) -> list[str]:
    """The comparison in words, a line each."""
    lines = [f"column {name}: added" for name in found.columns_added]
    lines += [f"column {name}: removed" for name in found.columns_removed]
    lines += [f"column {c['name']}: {c['before']} → {c['after']}" for c in found.columns_retyped]
    if found.key_repeated:
        lines.append(f"{found.key_repeated:,} rows repeat the key, so it was not used")
    changed = "" if found.changed is None else f", {found.changed:,} changed"
    lines.append(
        f"rows: {found.rows_before:,} → {found.rows_after:,}; "
        f"{found.added:,} added, {found.removed:,} removed{changed}"
    )
    for sign, examples in (("+", found.examples_added), ("-", found.examples_removed)):
        lines += [f"{sign} row {each['row']:,}: {_cells(each['cells'])}" for each in examples]
    for each in found.examples_changed:
        cells = (f"{name}: {old!r} → {new!r}" for name, (old, new) in each["cells"].items())
        lines.append(f"~ row {each['rowAfter']:,} ({_cells(each['key'])}): {', '.join(cells)}")
    return lines


def _cells(cells: dict[str, Any]) -> str:
    return ", ".join(f"{name}={cell}" for name, cell in cells.items())
