"""What all hosts must have alike: the list, how it is compared, and the times that add up."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from annotated_types import Le
from tests.support.postgres import Postgres

from entrepot.bootstrap.other_settings import find_other_settings
from entrepot.cli.start import create_installation
from entrepot.db.engine import open_database
from entrepot.settings import Settings, read_settings
from entrepot.settings.shared import (
    COMPARED_AT_START,
    SHARED,
    different_settings,
    settings_mark,
)
from entrepot.settings.take_over import CLAIM_SECONDS, TAKE_OVER_SECONDS

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-on-many-hosts.md"


def test_the_page_has_every_setting_once_and_says_which_must_be_the_same() -> None:
    section = PAGE.read_text().partition("## Settings of the hosts")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
    named = [(name, row[1]) for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(name for name, _ in named) == sorted(Settings.model_fields)
    assert sorted(name for name, on in named if on == "the same") == sorted(SHARED)
    assert [name for name, on in named if on.startswith("of one")] == list(COMPARED_AT_START)


@pytest.mark.parametrize("name", SHARED)
def test_a_setting_that_differs_is_named(tmp_path: Path, name: str) -> None:
    settings = read_settings(data=tmp_path)
    mark = settings_mark(settings.model_copy(update={name: "another"}))
    assert different_settings(settings, mark) == [name]
    assert len(mark.encode()) <= 63
    assert different_settings(settings, settings_mark(settings)) == []
    assert different_settings(settings, mark + "later") == []


def test_a_host_that_runs_with_other_settings_is_found(tmp_path: Path, postgres: Postgres) -> None:
    settings = read_settings(data=tmp_path / "data", database=postgres.new_database())
    create_installation(settings)
    other = settings.model_copy(update={"max_file_size": 1, "lease": 3.0})
    with (
        closing(open_database(settings, frozen_seconds=15)) as database,
        closing(open_database(other, frozen_seconds=15)) as running,
        closing(open_database(other)) as command,
    ):
        with command.reading():
            assert find_other_settings(settings, database) == []
        with running.reading():
            assert find_other_settings(settings, database) == ["lease", "max_file_size"]


def test_the_times_of_a_take_over_are_within_its_bound() -> None:
    longest = [
        rule.le
        for name in ("lease", "queue_poll")
        for rule in Settings.model_fields[name].metadata
        if isinstance(rule, Le)
    ]
    assert len(longest) == 2
    assert sum(map(float, longest)) + CLAIM_SECONDS <= TAKE_OVER_SECONDS  # type: ignore[arg-type]
