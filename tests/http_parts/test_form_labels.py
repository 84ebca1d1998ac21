"""The labels of the forms stand at one place, from where a form that is kept has them too."""

import re
from pathlib import Path

from entrepot.http.web.form_labels import FIELD_LABELS, field_label, value_label

WEB = Path("src/entrepot/http/web")
NEVER_KEPT = {
    "next",
    "resume_path",
    "resume_fields",
    "theme",
    "link",
    "new_password",
    "current_password",
}
QUERIES = {"where", "row", "sort", "order_by", "schema_file", "cursor", "viewport"}
"""Fields of forms that ask, the second place of a schema, and what is not a field."""


def test_every_field_that_is_kept_has_a_label() -> None:
    names = {
        name
        for path in WEB.rglob("*.html")
        for name in re.findall(r'(?:name="|form\.(?:text|area)\(")([a-z_]+)"', path.read_text())
    }
    known = {key.rpartition(".")[2] for key in FIELD_LABELS}
    assert len(names) > 30
    assert names - known - NEVER_KEPT - QUERIES == set()


def test_no_form_has_labels_of_its_own() -> None:
    own = [
        (path.name, match[0])
        for path in WEB.rglob("*.html")
        if path.parent.name not in ("sign_in", "password", "parts")
        for match in re.finditer(r'form\.(text|area|wrong)\("\w+", "[^"]*"', path.read_text())
        if "labels[" not in match[0] and '"keep"' not in match[0]
    ]
    assert own == []


def test_a_label_is_that_of_its_form() -> None:
    assert field_label("/files/1/owner?once=x", "user_name") == "New owner"
    assert field_label("/files/1/entitlements", "user_name") == "User"
    assert field_label("/upload", "file_description") == "Description"
    assert value_label("expires", "30") == "in 30 days"
