"""Where a dialect or an encoding is stated, for the sentences of a report that advise to state one.

Of a report the first such sentence says where: in the API, on pages, at the command line and in
`report.csv` alike.
"""

import re
from collections.abc import Sequence

ADVISED = re.compile(r"\b(?:to|in) the (?P<dialect>dialect)\b|\b[Ss]tate the encoding\b")
"""What sentences say that advise to state a dialect or an encoding."""
STATED = (
    "The {noun} is stated with `entrepot {command} FILE {option}`, as `{key}` in the API, or in the"
    ' field "{label}" of the page.'
)
COMMANDS = {True: ("schema set", "dialect"), False: ("push", "table_dialect")}
"""What states a dialect, at the command line and in the API, with a contract and without one."""


def where_to_state(text: str, contract: bool) -> str:
    """A sentence on where that is stated which a `text` of a report advises to state; empty if it
    advises nothing. `contract`: there is one, otherwise the file is delivered again."""
    advised = ADVISED.search(text)
    if advised is None:
        return ""
    command, key = COMMANDS[contract]
    if advised["dialect"]:
        return STATED.format(
            noun="dialect",
            command=command,
            option="--dialect D.json",
            key=key,
            label="Table Dialect",
        )
    return STATED.format(
        noun="encoding", command=command, option="--encoding NAME", key="encoding", label="Encoding"
    )


def add_where_to_state(sentences: Sequence[str], contract: bool) -> list[str]:
    """The sentences; the first one that advises to state something also says where."""
    added = list(sentences)
    for number, sentence in enumerate(added):
        if where := where_to_state(sentence, contract):
            added[number] = f"{sentence} {where}"
            break
    return added
