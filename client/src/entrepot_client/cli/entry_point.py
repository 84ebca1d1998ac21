"""The entry point of the program `entrepot`."""

import sys

from entrepot_client.cli import interruption


def main() -> None:
    """Run the program with the arguments of this process, and end the process."""
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
