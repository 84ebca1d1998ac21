"""Whether inferred contracts fit real tables: each is delivered in two parts, by its rows."""

from tests.support.real_tables import DeliveryOutcome, deliver, real_tables

from bench.pairs import Line
from bench.trial import Trial

MIN_TABLES = 600
MIN_ACCEPTED = 0.98
"""Share of the first parts, and of the second parts, that is accepted as it is."""
MIN_DAMAGED = 300


def inference(trial: Trial) -> list[Line]:
    """Tables of packages, 60 % of the rows first: how many first parts become a contract, how many
    second parts keep it, and whether a damaged cell of a typed column is found and named. What is
    not accepted is listed with the reason."""
    outcomes = [deliver(table, trial.folder) for table in real_tables()]
    accepted = [each for each in outcomes if not each.first]
    damaged = [each for each in accepted if each.damage]
    result = [each for each in damaged if each.is_named]
    return [
        Line("tables", f"{len(outcomes):,}", f"≥ {MIN_TABLES}", len(outcomes) >= MIN_TABLES),
        _share("first parts accepted", len(accepted), len(outcomes)),
        _share("second parts accepted", sum(not each.second for each in accepted), len(accepted)),
        Line(
            "damaged cells found and named",
            f"{len(result):,} of {len(damaged):,}",
            f"all of ≥ {MIN_DAMAGED}",
            len(result) == len(damaged) >= MIN_DAMAGED,
        ),
        *(_not_accepted(each) for each in outcomes if each.first or each.second),
    ]


def _share(what: str, some: int, of: int) -> Line:
    share = some / of
    figure = f"{some:,} of {of:,} ({share:.1%})"
    return Line(what, figure, f"≥ {MIN_ACCEPTED:.0%}", share >= MIN_ACCEPTED)


def _not_accepted(outcome: DeliveryOutcome) -> Line:
    part = "first" if outcome.first else "second"
    return Line(f"{outcome.name}, {part} part", outcome.first or outcome.second)
