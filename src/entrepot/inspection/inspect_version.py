"""Inspect a delivered version: its verdict, and in the same process what is made of it: the Parquet
with the profile of its columns, or the rejected rows. Runs in the sandbox process."""

from collections.abc import Callable
from dataclasses import replace

from entrepot.inspection.context import InspectionContext
from entrepot.inspection.convert.convert import convert_judged
from entrepot.inspection.inspect import JudgedFile, judge_file, suggest_way_out
from entrepot.inspection.progress import CONVERTED
from entrepot.inspection.results import (
    FormFiles,
    FormsWanted,
    InspectedVersion,
    InspectionRequest,
    JudgedForm,
)


def inspect_version(
    request: InspectionRequest,
    files: FormFiles,
    context: InspectionContext,
    on_part: Callable[[InspectedVersion, bool], None],
) -> InspectedVersion:
    """The verdict on one file and the forms that go with it, as files at `files`.

    `on_part` is called with what stands already, whatever happens then, before each further part,
    and whether that part is only the way out of a rejection. Raises as `inspect_file` does.
    """
    judged = judge_file(request, context)
    inspected = InspectedVersion(judged.inspection)
    for form in forms_of(judged, request.forms):
        on_part(inspected, False)
        context.progress.next_pass(CONVERTED)
        converted = convert_judged(form, judged, files.path(form), context)
        inspected = replace(inspected, forms={**inspected.forms, form: converted})
    if judged.wants_suggestion:
        on_part(inspected, True)
        inspected = replace(inspected, inspection=suggest_way_out(judged, context))
    return inspected


def forms_of(judged: JudgedFile, selection: FormsWanted) -> tuple[JudgedForm, ...]:
    """The forms that go with a verdict: the Parquet of what is published, and the rejected rows of
    what has any. What is not a table has none."""
    if selection == "none" or judged.outcome is None:
        return ()
    published = selection == "published" or judged.inspection.verdict == "conforms"
    task = judged.inspection.report["tasks"][0]
    faulty = task["errors"] or task.get("findings")
    parquet: tuple[JudgedForm, ...] = ("parquet",) if published else ()
    return (*parquet, "rejected") if faulty else parquet
