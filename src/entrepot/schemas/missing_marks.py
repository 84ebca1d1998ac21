"""The texts that mean "no value" in a column that is not of texts."""

MISSING_MARKS = (
    *("", "NA", "N/A", "n/a", "N.A.", "NaN", "NaT", "null", "NULL", "(null)", "None", "<NA>"),
    *("\\N", ".", "-", "–", "k.A.", "#N/A", "#NV"),
)
"""A closed list: what R, pandas, SQL, SAS and workbooks write, and dashes. Inference writes all of
it as the `missingValues` of each field that is not a string, whichever of it occurs."""
