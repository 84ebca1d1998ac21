"""The lexical forms of values, as patterns that match a whole text.

RE2 matches cells with them, and Python's `re` (with `re.ASCII`) matches the values in a schema.
Both read them the same way.
"""

DATE = r"\d{4}-\d{2}-\d{2}"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d{1,6}\d*)?"
ZONE = r"(Z|[-+]([01]\d|2[0-3])(:?[0-5]\d)?)"
TIME = f"{CLOCK}{ZONE}?"
TIME_BY_ZONE = {None: TIME, True: CLOCK + ZONE, False: CLOCK}
"""A time by what a schema demands: it may have a zone, it must have one, it must have none."""
ENDS_IN_ZONE = r":\d\d([.,]\d+)?(Z|[-+]\d\d(:?\d\d)?|\s+(?i:utc|gmt))$"
"""A time or a datetime with a zone, in the default form or one of the format `any`. It is searched
for: a day may end in `-31` too."""
YEAR = r"-?(\d{4}|[1-9]\d{4,8})"
"""XML Schema's gYear: four digits or more, and years before the common era. No time zone."""
YEARMONTH = YEAR + r"-(0[1-9]|1[0-2])"
DURATION = r"-?P(\d+W|(\d+Y)?(\d+M)?(\d+(\.\d+)?D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)"
"""ISO 8601. The pattern alone also matches texts that end in a designator (`P`, `P1DT`)."""

ATOM = r"[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?"
EMAIL = rf"{ATOM}(\.{ATOM})*@({LABEL}\.)+[\p{{L}}]([\p{{L}}\p{{N}}-]{{0,61}}[\p{{L}}\p{{N}}])"
"""A dot-atom at a host name of two labels or more (RFC 5322, RFC 1034); for RE2 alone."""
URI = r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*"
UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}]"
"""Control characters (Unicode's category Cc) other than tab, LF and CR; for RE2 alone."""

MISSING_MARKS = (
    *("", "NA", "N/A", "n/a", "N.A.", "NaN", "NaT", "null", "NULL", "(null)", "None", "<NA>"),
    *("nil", "\\N", ".", "-", "–", "k.A.", "#N/A", "#NV"),
)
"""A closed list: what R, Python, Ruby, SQL, SAS and workbooks write, and dashes. Inference writes
all of it as the `missingValues` of each field that is not a string, whichever of it occurs."""
MARKS_BESIDE_NAN = tuple(mark for mark in MISSING_MARKS if mark != "NaN")
"""Those of a column in which NaN is a stored value."""
INFERRED_MARKS = (
    MISSING_MARKS,
    MARKS_BESIDE_NAN,
    tuple(mark for mark in MISSING_MARKS if mark != "nil"),
)
"""What inference writes now, and what it wrote before it knew `nil`."""
