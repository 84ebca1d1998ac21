"""The page of a rejected version: what is suggested, in sentences, and the button to accept it."""

import json

from playwright.sync_api import Page, expect
from tests.http.test_versions import publish
from tests.support.server import TestAccount

SCHEMA = {"fields": [{"name": "id", "type": "integer"}, {"name": "amount", "type": "integer"}]}
FIRST, NEXT = b"id,amount\n1,2\n", b"id,amount\n1,2.5\n3,NA\nTotal,\n"


def test_the_owner_accepts_what_is_suggested(page: Page, person: TestAccount) -> None:
    file_id = person.api.deliver(FIRST, enforce_schema=json.dumps(SCHEMA))["file_id"]
    task = publish(person.api, file_id, NEXT, "failed")
    page.goto(f"/tasks/{task['task_id']}")
    section = page.get_by_role("region", name="Suggested change of the contract")
    expect(section.get_by_role("listitem")).to_have_text(
        [
            "Records at the end whose first cell matches Total are a footer, not rows: this"
            " delivery ends with 1 record that looks like a note or a total, from Total on.",
            "amount holds numbers, not only integers: 1 cell of this delivery needs it, such as"
            " 2.5.",
            "In amount, NA means no value: 1 cell of this delivery needs it.",
        ]
    )
    section.get_by_role("button", name="Change the contract and publish it").click()
    expect(page.locator("[data-words]")).to_have_text(
        "The contract was changed as suggested. Published: readers get version 3 now."
    )
    assert person.api.json(f"/file/{file_id}")["row_count"] == 2
    page.goto(f"/tasks/{task['task_id']}")
    expect(section).to_contain_text("corrects this delivery")
    expect(section.get_by_role("button")).to_have_count(0)
