"""Show the differences between two tables: two local files, or two versions of one file."""

from typing import Any

from entrepot_client.cli.output import Format, Output
from entrepot_client.counts import counted
from entrepot_client.models import Document


def show_comparison(output: Output, comparison: Document) -> None:
    """Print a comparison in the server's form, with `same`."""
    if output.format is not Format.HUMAN:
        output.record(comparison, quiet="same", shown={})
        return
    for line in comparison_lines(comparison):
        output.text(line)


def comparison_lines(comparison: Document) -> list[str]:
    """The comparison in words, one line per difference."""
    lines = [f"column {name}: added" for name in comparison["columns_added"]]
    lines += [f"column {name}: removed" for name in comparison["columns_removed"]]
    lines += [
        f"column {c['name']}: {c['before']} → {c['after']}" for c in comparison["columns_retyped"]
    ]
    if comparison["key_repeated"]:
        rows = counted(comparison["key_repeated"], "row")
        lines.append(f"The key was not used: it is repeated in {rows}")
    changed = "" if comparison["changed"] is None else f", {comparison['changed']:,} changed"
    lines.append(
        f"rows: {comparison['rows_before']:,} → {comparison['rows_after']:,}; "
        f"{comparison['added']:,} added, {comparison['removed']:,} removed{changed}"
    )
    for sign, kind in (("+", "added"), ("-", "removed")):
        examples = comparison[f"examples_{kind}"]
        lines += [
            f"{sign} row {example['row']:,}: {_format_cells(example['cells'])}"
            for example in examples
        ]
        lines += _count_others(sign, comparison[kind], len(examples))
    for example in comparison["examples_changed"]:
        cells = (
            f"{name}: {_quoted(old)} → {_quoted(new)}"
            for name, (old, new) in example["cells"].items()
        )
        lines.append(
            f"~ row {example['rowAfter']:,} ({_format_cells(example['key'])}): {', '.join(cells)}"
        )
    lines += _count_others("~", comparison["changed"] or 0, len(comparison["examples_changed"]))
    return lines


def _count_others(sign: str, total: int, listed: int) -> list[str]:
    return [f"{sign} … and {total - listed:,} more"] if total > listed else []


def _format_cells(cells: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_format_cell(cell)}" for name, cell in cells.items())


def _format_cell(cell: Any) -> str:
    return "(empty)" if cell is None else str(cell)


def _quoted(cell: Any) -> str:
    return "(empty)" if cell is None else f"'{cell}'"
