"""What each record of a delivery was taken for. A record that is none of these was lost.

The header, titles and footers are what the contract's dialect says; nothing else decides whether a
record is judged.
"""

from dataclasses import asdict, dataclass

PROFILE_NAMES = {"above_header": "aboveHeader", "skipped_blank": "skippedBlank"}


@dataclass(frozen=True)
class RecordCounts:
    """The records of a file, or the rows of a sheet, by what they are. `total` is how many there
    are, counted apart from the others. Formats that are tables by themselves have judged rows
    only."""

    total: int
    judged: int
    above_header: int = 0
    header: int = 0
    comment: int = 0
    skipped_blank: int = 0
    footer: int = 0

    @property
    def complete(self) -> bool:
        """Whether every record is accounted for, once."""
        parts = (self.above_header, self.header, self.comment, self.skipped_blank, self.footer)
        return min(parts) >= 0 and sum(parts) + self.judged == self.total

    def describe(self) -> dict[str, int]:
        """As the profile shows them."""
        return {PROFILE_NAMES.get(name, name): count for name, count in asdict(self).items()}


def only_judged(rows: int) -> RecordCounts:
    """The counts of a format that has nothing but rows."""
    return RecordCounts(total=rows, judged=rows)
