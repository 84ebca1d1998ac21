"""A change of how deliveries are read: what it breaks."""

from typing import Any

import pytest

from entrepot.schemas.changes import Effect
from entrepot.schemas.reading.compare_dialects import compare_readings
from entrepot.schemas.reading.stated import StatedReading

CASES: list[tuple[Any, Any, dict[str, Effect]]] = [
    ({}, {}, {}),
    (None, {"header": True, "headerRows": [1], "headerJoin": " "}, {}),
    ({"commentRows": [], "skipBlankRows": False, "itemType": "object"}, None, {}),
    (None, {"headerRows": [4]}, {"/dialect/headerRows": "breaking"}),
    ({"headerRows": [4]}, {"headerRows": [5]}, {"/dialect/headerRows": "breaking"}),
    (None, {"header": False}, {"/dialect/header": "breaking"}),
    (None, {"delimiter": ";"}, {"/dialect/delimiter": "breaking"}),
    ({"delimiter": ";"}, {"delimiter": ","}, {"/dialect/delimiter": "breaking"}),
    ({"delimiter": ";"}, {}, {"/dialect/delimiter": "compatible"}),
    (None, {"skipBlankRows": True}, {"/dialect/skipBlankRows": "compatible"}),
    ({"skipBlankRows": True}, None, {"/dialect/skipBlankRows": "breaking"}),
    (None, {"entrepot:footer": "a"}, {"/dialect/entrepot:footer": "compatible"}),
    ({"entrepot:footer": "a"}, {"entrepot:footer": "b"}, {"/dialect/entrepot:footer": "breaking"}),
    ({"entrepot:footer": "a"}, None, {"/dialect/entrepot:footer": "breaking"}),
    (None, {"commentChar": "#"}, {"/dialect/commentChar": "breaking"}),
    (None, {"nullSequence": "NA"}, {"/dialect/nullSequence": "breaking"}),
    ({"sheetName": "a"}, {"sheetName": "b"}, {"/dialect/sheetName": "breaking"}),
    ({"title": "a"}, {"title": "b"}, {"/dialect/title": "compatible"}),
    ({"title": "a"}, {"delimiter": ";"},
     {"/dialect/delimiter": "breaking", "/dialect/title": "compatible"}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "effects"), CASES)
def test_each_property_has_its_effect(old: Any, new: Any, effects: dict[str, Effect]) -> None:
    changes = compare_readings(StatedReading(old), StatedReading(new))
    assert {change.pointer: change.effect for change in changes} == effects


@pytest.mark.parametrize(
    ("old", "new", "effect", "what"),
    [
        (None, "cp1252", "breaking", 'encoding: detected → "cp1252"'),
        ("cp1252", "utf-8", "breaking", 'encoding: "cp1252" → "utf-8"'),
        ("cp1252", None, "compatible", 'encoding: "cp1252" → detected'),
    ],
)
def test_an_encoding(old: Any, new: Any, effect: Effect, what: str) -> None:
    (change,) = compare_readings(StatedReading(None, old), StatedReading(None, new))
    assert (change.pointer, change.effect, change.what) == ("/encoding", effect, what)
