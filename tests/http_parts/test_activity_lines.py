"""How the pages word a row of the record."""

from datetime import UTC, datetime
from typing import Any

import pytest

from entrepot.files.queries.activity import ActivityRow
from entrepot.http.web.activity.lines import activity_lines


def line_of(action: str, detail: dict[str, Any]) -> str:
    fields = dict.fromkeys(("user_name", "key_id", "address", "file_id", "version", "result"))
    row = ActivityRow(
        **{
            **dict.fromkeys(ActivityRow.__dataclass_fields__),
            "at": datetime(2026, 11, 30, tzinfo=UTC),
            "fields": fields | {"action": action, "detail": detail},
        }
    )
    return activity_lines([row])[0].detail


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"retention": {"from": None, "to": {"keep_last": 30}}}, "from none to keep last 30"),
        ({"purge": False, "reason": "wrong"}, "reason: wrong"),
        ({"reason": "In order.", "size": 560}, "reason: “In order.”, 560 bytes"),
        ({"kind": "read", "max_uses": 1}, "to read, at most 1 use"),
        ({"purge": True}, "its bytes were removed"),
        (
            {"reason": f"sha256:{'0a' * 32} (1,319 characters)"},
            "reason: a text of 1,319 characters",
        ),
        ({"file_name": "a.csv", "size": 1_200_000}, "a.csv, 1.2 MB"),
        ({"file_name": "", "size": 19}, "without a name, 19 bytes"),
        ({"disabled": True}, "disabled"),
        ({"scopes": ["read", "write"]}, "may read files and tasks; deliver and change files"),
        ({"changes": [{"path": "a"}, {"path": "b"}]}, "2 changes"),
        ({"path": {"from": None, "to": "sales/orders"}}, "path from none to “sales/orders”"),
    ],
)
def test_a_detail_is_words_not_python(detail: dict[str, Any], words: str) -> None:
    assert words in line_of("file.change", detail)
