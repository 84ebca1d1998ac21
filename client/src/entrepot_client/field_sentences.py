"""What is wrong with a field, as a whole sentence: with an option's name or a label of a page."""

VERBS = (
    "is ", "are ", "was ", "has ", "may ", "must ", "cannot ", "does ", "names ", "needs ",
    "came ", "lies ", "holds ", "differs ",
)  # fmt: skip
"""How a reason begins that continues the name of its field."""


def field_sentence(name: str, reason: str) -> str:
    """`User is unknown.` for a reason that continues the name, `Ends: choose one.` for others.

    A reason that begins with a capital letter is a whole sentence of its own.
    """
    if reason[:1].isupper():
        return reason
    if not reason.startswith(VERBS):
        return f"{name}: {reason}"
    return f"{name[:1].upper()}{name[1:]} {reason}"
