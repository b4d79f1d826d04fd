"""The command ``monai-deploy``: ``exec``, which the Deploy SDK has dropped; all else goes on to its packager.

The packager (holoscan-cli up to 4.2) owns the same script name and wants other versions than the SDK does, so it lives
in an environment of its own. There, either script works.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from spine_segmentation.errors import UsageError
from spine_segmentation.termination import exit_on_error

USAGE = "monai-deploy exec APP -i IN -o OUT [-m MODELS]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run an application, or hand the command on to holoscan-cli.

    Args:
        arguments: Without the program's name; None for the process's own.

    Raises:
        SystemExit: With the application's exit code, or 2 if the command is unknown.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with exit_on_error():
        if given[:1] == ["exec"]:
            _execute(given[1:])
        else:
            _hand_on(given)


def _execute(arguments: list[str]) -> None:
    """Do what ``python APP ...`` does, in this process."""
    if not arguments or not Path(arguments[0]).exists():
        raise UsageError(
            f"no application at {arguments[0]}" if arguments else "no application",
            expected=USAGE,
            remedy="give its path",
        )
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


def _hand_on(arguments: list[str]) -> None:
    """Call holoscan-cli, if it is one that can package applications."""
    if find_spec("holoscan_cli") is None or find_spec("holoscan_cli.packager") is None:
        raise UsageError(
            f"command {' '.join(arguments[:1])!r}",
            expected=USAGE,
            remedy="to package applications, install holoscan-cli 4.2.0 in an environment of its own",
        )
    import_module("holoscan_cli.__main__").main(["monai-deploy", *arguments])


if __name__ == "__main__":
    main()
