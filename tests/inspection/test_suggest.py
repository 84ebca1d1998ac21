"""The way out of a rejection: each kind of change where it is due, none where it is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.inspection.conftest import opened_context, request_for

from entrepot.inspection.inspect import inspect_file
from entrepot.inspection.results import Inspection
from entrepot.schemas.compare_schemas import compare_schemas, is_compatible
from entrepot.schemas.lexical import MISSING_MARKS as MARKS

Suggest = Callable[..., Any]
HEADER = "id,name,amount\n"
SCHEMA: dict[str, Any] = {
    "fields": [
        {"name": "id", "type": "integer"},
        {"name": "name", "type": "string"},
        {"name": "amount", "type": "integer"},
    ]
}
MANY = "".join(f"{n},x,{n}\n" for n in range(400))


def schema_with(**fields: dict[str, Any]) -> dict[str, Any]:
    """The schema with other properties of some of its fields."""
    return {**SCHEMA, "fields": [{**f, **fields.get(f["name"], {})} for f in SCHEMA["fields"]]}


@pytest.fixture
def inspect_by(tmp_path: Path) -> Callable[..., Inspection]:
    """inspect_by(content, schema, dialect=None, name="table.csv", current=None) in this process."""

    def run(
        content: str,
        schema: dict[str, Any],
        dialect: dict[str, Any] | None = None,
        name: str = "table.csv",
        current: str | None = None,
    ) -> Inspection:
        path = tmp_path / name
        path.write_text(content)
        request = replace(request_for(path, schema=schema), dialect=dialect, suggest=True)
        if current is not None:
            earlier = tmp_path / f"current-{name}"
            earlier.write_text(current)
            rows = len(current.splitlines()) - 1
            request = replace(request, current=earlier, current_rows=rows)
        with opened_context(tmp_path / "scratch", size=request.size) as context:
            return inspect_file(request, context)

    return run


@pytest.fixture
def suggest(inspect_by: Callable[..., Inspection]) -> Suggest:
    """suggest(content, schema=SCHEMA, …): what is suggested, which must be compatible and make the
    delivery valid; None where nothing is. The delivery is rejected."""

    def run(content: str, schema: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        contract = schema or SCHEMA
        inspection = inspect_by(content, contract, **kwargs)
        assert inspection.verdict == "violates"
        suggested = inspection.report.get("suggested")
        if suggested is not None:
            assert is_compatible(compare_schemas(contract, suggested["schema"]))
            kept = {key: kwargs[key] for key in ("name",) if key in kwargs}
            again = inspect_by(content, suggested["schema"], suggested["dialect"], **kept)
            assert (again.verdict, again.report.get("suggested")) == ("conforms", None)
        return suggested

    return run


def pointers(suggested: dict[str, Any]) -> list[str]:
    return [change["pointer"] for change in suggested["changes"]]


def changed(suggested: dict[str, Any], contract: dict[str, Any] = SCHEMA) -> dict[str, Any]:
    """What the suggestion changes of the fields, by name."""
    before = {field["name"]: field for field in contract["fields"]}
    return {
        field["name"]: {k: v for k, v in field.items() if before.get(field["name"], {}).get(k) != v}
        for field in suggested["schema"]["fields"]
        if before.get(field["name"]) != field
    }


def test_integers_with_decimals_become_numbers(suggest: Suggest) -> None:
    suggestion = suggest(HEADER + "1,a,1.5\n2,b,3\n3,c,1e3\n")
    assert changed(suggestion) == {"amount": {"type": "number", "entrepot:finite": True}}
    assert suggestion["dialect"] is None
    (change,) = suggestion["changes"]
    assert change == {
        "pointer": "/schema/fields/2/type",
        "change": "`amount` holds numbers, not only integers",
        "effect": "compatible",
        "reason": "2 cells of this delivery need it, such as `1.5`",
    }


@pytest.mark.parametrize("cell", ["0.001", "-0.125", "1.23", "1.2345", ".125"])
def test_a_decimal_that_cannot_be_a_thousand(suggest: Suggest, cell: str) -> None:
    assert changed(suggest(HEADER + f"1,a,{cell}\n")) == {
        "amount": {"type": "number", "entrepot:finite": True}
    }


@pytest.mark.parametrize(
    "field",
    [
        {"type": "integer"},
        {"type": "number", "decimalChar": ",", "groupChar": "'"},
        {"type": "date"},
        {"type": "date", "format": "%d.%m.%Y"},
        {"type": "boolean"},
        {"type": "duration"},
        {"type": "yearmonth"},
        {"type": "geopoint"},
        {"type": "object"},
    ],
    ids=lambda field: str(field.get("format", field["type"])),
)
def test_marks_of_missing_values(suggest: Suggest, field: dict[str, Any]) -> None:
    contract = schema_with(amount={**field, "missingValues": ["?"]})
    # In a column of numbers NaN is a number of its own.
    marks = [mark for mark in MARKS if (mark, field["type"]) != ("NaN", "number")]
    content = HEADER + "".join(f"1,a,{mark}\n" for mark in MARKS)
    added = changed(suggest(content, contract), contract)["amount"]["missingValues"]
    assert (added[0], sorted(added[1:])) == ("?", sorted(marks))


def test_only_marks_that_occur_are_added_to_those_that_there_are(suggest: Suggest) -> None:
    contract = {**SCHEMA, "missingValues": ["", "none"]}
    suggestion = suggest(HEADER + "1,a,NA\n2,b,none\nn/a,c,-\n", contract)
    assert changed(suggestion) == {
        "id": {"missingValues": ["", "none", "n/a"]},
        "amount": {"missingValues": ["", "none", "-", "NA"]},
    }
    assert "missingValues" not in suggestion["schema"]["fields"][1]


def test_labels_of_missing_values_stay(suggest: Suggest) -> None:
    labeled = [{"value": "x", "label": "not asked"}]
    suggestion = suggest(HEADER + "1,a,NA\n2,b,x\n", schema_with(amount={"missingValues": labeled}))
    assert suggestion["schema"]["fields"][2]["missingValues"] == [*labeled, {"value": "NA"}]


@pytest.mark.parametrize(
    ("field", "cell", "mark"),
    [
        ({"type": "integer"}, '"1,234"', ","),
        ({"type": "integer"}, "12 345 678", " "),
        ({"type": "integer"}, "1’234", "’"),
        ({"type": "number"}, '"1,234.5"', ","),
        ({"type": "number", "decimalChar": ","}, '"1.234,5"', "."),
        ({"type": "number"}, "1'234", "'"),
    ],
)
def test_a_mark_between_thousands(
    suggest: Suggest, field: dict[str, Any], cell: str, mark: str
) -> None:
    contract = schema_with(amount=field)
    suggestion = suggest(HEADER + MANY + f"400,x,{cell}\n", contract)
    assert changed(suggestion, contract) == {"amount": {"groupChar": mark}}


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("integer", '400,x,"1,234"\n401,x,1234\n'),  # the other number speaks against it
        ("integer", '400,x,"1,23"\n'),
        ("integer", '400,x,"12,34,567"\n'),
        ("integer", "400,x,1.234\n"),  # one and a fraction, or a thousand
        ("number", '400,x,"1,234"\n'),
        ("number", '400,x,"1,5"\n'),
        ("integer", '400,x,"1,234"\n' * 5),  # more than 1 % of the cells
    ],
)
def test_no_mark_that_not_every_value_confirms(suggest: Suggest, kind: str, rows: str) -> None:
    assert suggest(HEADER + MANY + rows, schema_with(amount={"type": kind})) is None


def test_columns_in_another_order(suggest: Suggest) -> None:
    suggestion = suggest("name,id,amount\na,1,2\n")
    assert (suggestion["schema"]["fieldsMatch"], pointers(suggestion)) == (
        "equal",
        ["/schema/fieldsMatch"],
    )


def test_a_new_column_is_optional(suggest: Suggest) -> None:
    suggestion = suggest("id,since,name,amount\n1,2020-01-01,a,2\n2,,b,3\n")
    assert suggestion["schema"]["fieldsMatch"] == "superset"
    assert suggestion["schema"]["fields"][:3] == SCHEMA["fields"]
    assert suggestion["schema"]["fields"][3]["name"] == "since"
    assert suggestion["schema"]["fields"][3]["type"] == "date"
    assert "constraints" not in suggestion["schema"]["fields"][3]
    assert "entrepot:notEmpty" not in suggestion["schema"]["fields"][3]
    assert pointers(suggestion) == ["/schema/fieldsMatch", "/schema/fields/3"]


@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,a\n",
        "id,name,sum\n1,a,2\n",
        "id,name,Amount\n1,a,2\n",
        "id,name,sum,more\n1,a,2,3\n",
        "id,name,amount,amount\n1,a,2,3\n",
        "id,name,amount,\n1,a,2,3\n",
        "id;name;x\n1;a;2\n",
    ],
)
def test_columns_that_are_missing_or_nameless_are_not_made_up_for(
    suggest: Suggest, content: str
) -> None:
    assert suggest(content) is None


@pytest.mark.parametrize("titles", ["Report\n", "Report of May\n\n", 'All,of it\n"a\nb"\n'])
def test_a_header_below_titles(suggest: Suggest, titles: str) -> None:
    suggestion = suggest(titles + HEADER + "1,a,2\n")
    rows = 2 if titles == "Report\n" else 3
    assert suggestion["dialect"] == {"headerRows": [rows]}
    assert suggestion["schema"] == SCHEMA


def test_a_header_below_rows_stays_an_error(suggest: Suggest) -> None:
    assert suggest("7,a,8\n8,b,9\n" + HEADER + "1,a,2\n") is None


@pytest.mark.parametrize(
    ("last", "dialect"),
    [
        ("Total,,5\n", {"entrepot:footer": "Total"}),
        ("Source: the office\n", {"entrepot:footer": "Source:.*"}),
        ("Source: the office,,\n", {"entrepot:footer": "Source:.*"}),
        ("* estimated\nTotal,,7\n", {"entrepot:footer": "\\* estimated|Total"}),
        ("\nSource: us\n", {"entrepot:footer": "Source:.*", "skipBlankRows": True}),
        ("Total,,5\n\nSource: us\n\n", {"entrepot:footer": "Total|Source:.*"}),
    ],
)
def test_a_footer(suggest: Suggest, last: str, dialect: dict[str, Any]) -> None:
    assert suggest(HEADER + "1,a,2\n2,b,3\n" + last)["dialect"] == dialect


@pytest.mark.parametrize(
    "last",
    [
        "x,b,3\n",  # a wrong cell
        "3,b\n",  # cut short
        "2020-0",
        "3,b,x\n",
        "Total,,5\n3,c,4\n",  # not the end
        "\n3,c,4\nSource: us\n",  # a gap that a footer does not explain
        "Source: us\n" * 21,
        ",,x\n",
    ],
)
def test_a_broken_row_is_no_footer(suggest: Suggest, last: str) -> None:
    assert suggest(HEADER + "1,a,2\n2,b,3\n" + last) is None


def test_a_footer_and_other_changes_together(suggest: Suggest) -> None:
    suggestion = suggest("Title\n" + "amount,id,name,new\n1.5,1,a,NA\n-,2,b,x\nTotal,1.5\n")
    assert suggestion["dialect"] == {"headerRows": [2], "entrepot:footer": "Total"}
    assert changed(suggestion)["amount"] == {
        "type": "number",
        "entrepot:finite": True,
        "missingValues": ["", "-"],
    }
    assert suggestion["schema"]["fieldsMatch"] == "superset"


def test_fewer_rows(suggest: Suggest) -> None:
    contract = {**SCHEMA, "entrepot:minRows": 3}
    assert suggest(HEADER, contract)["schema"] == SCHEMA
    suggestion = suggest(HEADER + "1,a,2\n2,b,3\n", contract)
    assert suggestion["schema"]["entrepot:minRows"] == 2
    assert suggestion["changes"][0]["change"] == "2 rows are enough"


def test_a_column_without_values(suggest: Suggest) -> None:
    contract = schema_with(name={"entrepot:notEmpty": True}, amount={"entrepot:notEmpty": True})
    suggestion = suggest(HEADER + "1,,2\n", contract)
    assert "entrepot:notEmpty" not in suggestion["schema"]["fields"][1]
    assert suggestion["schema"]["fields"][2]["entrepot:notEmpty"] is True
    suggestion = suggest(HEADER + "1,a,NA\n", contract)
    expected = ["/schema/fields/2/missingValues", "/schema/fields/2/entrepot:notEmpty"]
    assert pointers(suggestion) == expected


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ({"type": "integer"}, "x"),
        ({"type": "number"}, "x"),
        ({"type": "date"}, "01.02.2020"),
        ({"type": "boolean"}, "perhaps"),
        ({"type": "string", "format": "email"}, "nobody"),
        ({"type": "string", "format": "email"}, "NA"),  # text in a column of texts
        ({"type": "integer", "constraints": {"required": True}}, ""),
        ({"type": "integer", "constraints": {"required": True}}, "NA"),
        ({"type": "integer", "constraints": {"minimum": 5}}, "1"),
        ({"type": "integer", "constraints": {"enum": [2]}}, "1"),
        ({"type": "integer", "categories": [1, 2]}, "1.5"),
        ({"type": "integer", "categories": [1, 2]}, "3"),
        ({"type": "string", "constraints": {"pattern": "a+"}}, "b"),
        ({"type": "string", "constraints": {"maxLength": 1}}, "ab"),
        ({"type": "integer", "constraints": {"unique": True}}, "2"),
        ({"type": "integer", "entrepot:leadingZeros": False}, "007"),
        ({"type": "integer"}, "inf"),
        ({"type": "number", "entrepot:finite": True}, "inf"),
        ({"type": "datetime", "entrepot:timeZone": True}, "2020-01-01T10:00:00"),
        ({"type": "datetime", "entrepot:timeZone": False}, "2020-01-01T10:00:00Z"),
        ({"type": "number", "groupChar": ",", "entrepot:grouping": "indian"}, '"1,234,567"'),
        ({"type": "integer", "constraints": {"minimum": 0}}, "-1.5"),
    ],
    ids=str,
)
def test_what_is_never_changed(suggest: Suggest, field: dict[str, Any], cell: str) -> None:
    other = {"string": "a@example.com", "date": "2020-01-01", "boolean": "true"}
    zone = "Z" if field.get("entrepot:timeZone") else ""
    other["datetime"] = f"2020-01-01T00:00:00{zone}"
    second = other.get(field["type"], "2") if "constraints" not in field else cell and "2"
    content = HEADER + f"1,a,{second}\n2,b,{cell}\n"
    assert suggest(content, schema_with(amount=field)) is None


@pytest.mark.parametrize("cell", ["NA", "1", ""])
def test_keys_stay_keys(suggest: Suggest, cell: str) -> None:
    contract = {**SCHEMA, "primaryKey": ["id"]}
    assert suggest(HEADER + f"1,a,2\n{cell},b,3\n", contract) is None


def test_one_cell_that_nothing_mends_leaves_no_suggestion(suggest: Suggest) -> None:
    assert suggest("name,id,amount\na,1,NA\nb,2,x\n") is None


@pytest.mark.parametrize(("name", "number"), [("t.json", "1.5"), ("t.json", "1.234")])
def test_native_values_are_what_they_are(suggest: Suggest, name: str, number: str) -> None:
    content = f'[{{"id": 1, "name": "a", "amount": {number}}}]'
    assert changed(suggest(content, name=name)) == {
        "amount": {"type": "number", "entrepot:finite": True}
    }


def test_another_dialect_must_keep_the_current_version(suggest: Suggest) -> None:
    titled = "Report\n" + HEADER + "1,a,2\n"
    assert suggest(titled, current=HEADER + "1,a,2\n") is None
    below = HEADER + "1,a,2\n2,b,3\nTotal,,5\n"
    assert suggest(below, current=HEADER + "1,a,2\n")["dialect"] == {"entrepot:footer": "Total"}
    texts = {"fields": [{"name": "what"}, {"name": "n", "type": "integer"}]}
    content = "what,n\na,1\nTotal\n"
    assert suggest(content, texts, current="what,n\nTotal,1\n") is None
    assert suggest(content, texts, current="what,n\nb,1\n")["dialect"] is not None


def test_nothing_is_suggested_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "1,a,NA\n")
    with opened_context(tmp_path / "scratch") as context:
        inspection = inspect_file(request_for(path, schema=SCHEMA), context)
    assert inspection.verdict == "violates"
    assert "suggested" not in inspection.report
