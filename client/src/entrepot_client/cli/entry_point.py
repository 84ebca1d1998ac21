"""The entry point of the program `entrepot`."""

import os
import sys

from entrepot_client.cli import interruption


def main() -> None:
    """Run the program with the arguments of this process, and end the process."""
    _replace_closed_streams()
    interruption.listen()
    try:
        from entrepot_client.cli.main import run

        status = run(sys.argv[1:])
        interruption.stop_listening()
    except BaseException:
        if not interruption.is_interrupted():
            raise
        interruption.end_by_signal()
    sys.exit(status)


def _replace_closed_streams() -> None:
    """Have the null device for each standard stream that is closed, as by `>&-`: Python has none
    then, and the next file that is opened would get its number, and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, mode))
