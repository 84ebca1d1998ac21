"""A stored cell as JSON: one writing for JSON Lines and for the lists of previews.

The engine's own `to_json` puts a blank between the day and the time of a moment, and for the
numbers that JSON has not it writes words that no reader of JSON takes.
"""

from entrepot.inspection.sql import Sql, sql

ITEM = sql("item")


def json_of(value: Sql, stored_as: str) -> Sql:  # noqa: PLR0911 (a row per type)
    """The SQL of the JSON text of `value`, which the engine keeps as `stored_as`; NULL where it is
    missing. `NaN` and the infinities are texts, as a Table Schema writes them (Data Package 2)."""
    if stored_as.endswith("[]"):
        written = json_of(ITEM, stored_as.removesuffix("[]"))
        items = f"list_transform({value}, lambda {ITEM}: coalesce({written}, 'null'))"
        return f"'[' || array_to_string({items}, ',') || ']'"
    match stored_as:
        case "JSON":  # between its values a line may end
            return f"translate({value}::VARCHAR, chr(10) || chr(13), '  ')"
        case "DOUBLE":
            return (
                f"CASE WHEN isfinite({value}) THEN to_json({value})::VARCHAR "
                f"WHEN isnan({value}) THEN '\"NaN\"' "
                f"WHEN {value} > 0 THEN '\"INF\"' WHEN {value} < 0 THEN '\"-INF\"' END"
            )
        case "TIMESTAMP WITH TIME ZONE":
            return f"to_json(replace(replace({value}::VARCHAR, ' ', 'T'), '+00', 'Z'))::VARCHAR"
        case "TIMESTAMP" | "TIMESTAMP_NS":
            return f"to_json(replace({value}::VARCHAR, ' ', 'T'))::VARCHAR"
        case _ if stored_as.startswith("DECIMAL"):  # of long fractions it writes `.5`
            return f"regexp_replace(to_json({value})::VARCHAR, '^(-?)[.]', '\\10.')"
        case _:
            return f"to_json({value})::VARCHAR"
