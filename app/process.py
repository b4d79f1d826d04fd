"""One run of the application as a process: its limits, its log, its status file and its exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.arguments import find_folder, parse_arguments
from spine_segmentation.io.output_folder import fresh_outputs, list_outputs, make_folder, protect_input
from spine_segmentation.process_setup import prepare_process
from spine_segmentation.run_status import RunStatus
from spine_segmentation.termination import exit_on_error

STOPPED = 128 + signal.SIGTERM
"""The exit code of a process that SIGTERM has ended."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the application on what the command line or the environment names.

    Args:
        arguments: Without the program's name; None for the process's own.

    Raises:
        SystemExit: With the exit code, if the run failed, and after the help text.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if not {"-h", "--help"}.isdisjoint(given):
        parse_arguments(["--help"])
    _prepare_process()
    with exit_on_error():
        output = _claim_output(given)
    try:
        with RunStatus(output) as status:
            _run(given, status)
    except SystemExit as end:
        if end.code == STOPPED:
            os._exit(STOPPED)  # in order: all is cleaned up, and the graph's threads would go on to its end
        raise


def _claim_output(given: Sequence[str]) -> Path:
    """Find the output folder, in which everything of an earlier run will be removed, and create it if need be."""
    output = find_folder("output", given) or parse_arguments(given).output
    source = find_folder("input", given)
    if source is not None:
        protect_input(source, output)
    make_folder(output)
    return output


def _run(given: Sequence[str], status: RunStatus) -> None:
    with fresh_outputs(status.folder) as folder:
        arguments = parse_arguments(given)
        logging.getLogger("spine_segmentation").setLevel(arguments.log_level)
        from app.app import SpineApplication
        from spine_segmentation.pipeline import require_spine

        application = SpineApplication(
            arguments.input, folder, arguments.models, arguments.configuration, arguments.formats
        )
        application.run_async().result()  # waits in Python, where SIGTERM ends the wait; run() would not
    status.outputs += list_outputs(status.folder)
    require_spine(application.result)


def _prepare_process() -> None:
    """Set what must be set before the SDK is imported; Holoscan's log would quote errors, and they their input."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.environ.setdefault("HOLOSCAN_LOG_LEVEL", "OFF")
    prepare_process()
