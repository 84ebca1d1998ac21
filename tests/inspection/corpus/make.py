"""Write the cases that cannot be read in a review: other encodings, stray bytes, size.

`python -m tests.inspection.corpus.make` writes them anew; a test holds that nothing changes.
Each truth is stated beside its file, as rows.
"""

from collections.abc import Iterator

from tests.inspection.corpus import write_combined, write_encodings, write_sizes
from tests.inspection.corpus.written import Case


def cases() -> Iterator[Case]:
    """All cases that this program writes."""
    yield from write_sizes.binary_cases()
    yield from write_encodings.unicode_cases()
    yield from write_encodings.codepage_cases()
    yield from write_encodings.damaged_cases()
    yield from write_encodings.nul_cases()
    yield from write_sizes.large_cases()
    yield from write_sizes.late_cases()
    yield from write_combined.combined_cases()


def main() -> None:
    for case in cases():
        for path, content in case.files():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)


if __name__ == "__main__":
    main()
