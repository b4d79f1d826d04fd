"""The application's arguments and the variables of the environment that stand in for them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from spine_segmentation.errors import UsageError

LOG_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "CRITICAL")

FORMATS_VARIABLE = "SPINE_SEGMENTATION_FORMATS"
"""Names formats, separated by commas; for platforms that pass variables alone."""


@dataclass(frozen=True)
class Arguments:
    """What to do.

    Attributes:
        input: Folder with DICOM files; exists.
        output: Folder to write to.
        models: Folder that holds the bundles; None for the ones that come with the package.
        configuration: The application's app.yaml; None for the one that comes with it.
        formats: What to write, members of ``outputs.FORMATS``; None for what the configuration says.
        log_level: Of the library's messages.
    """

    input: Path
    output: Path
    models: Path | None
    configuration: Path | None
    formats: frozenset[str] | None
    log_level: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(
            message, expected=" ".join(self.format_usage().split()), remedy="see the list of options (--help)"
        )


def parse_arguments(arguments: Sequence[str]) -> Arguments:
    """Parse the command line; what is not given there is taken from the environment.

    The configuration has no option, only the variable HOLOSCAN_CONFIG_PATH, as containers set it.

    Relative paths on the command line start from the current folder, relative paths in the environment from the
    working directory (``--workdir`` or HOLOSCAN_WORKDIR, else the current folder).

    Args:
        arguments: Without the program's name.

    Returns:
        What to run on, where to write and how; all paths but the output exist.

    Raises:
        UsageError: If an argument or format is unknown, malformed or missing, or a path that must exist does not.
        SystemExit: After the help text.
    """
    parsed = _parser().parse_args(arguments)
    models = parsed.model or _from_environment("MODEL", parsed.workdir)
    configuration = _from_environment("CONFIG", parsed.workdir)
    return Arguments(
        input=_existing(_required("input", parsed.input or _from_environment("INPUT", parsed.workdir))),
        output=_required("output", parsed.output or _from_environment("OUTPUT", parsed.workdir)),
        models=_existing(models) if models else None,
        configuration=_existing(configuration) if configuration else None,
        formats=_formats(parsed.formats or os.environ.get(FORMATS_VARIABLE, "").split(",")),
        log_level=parsed.log_level,
    )


def find_folder(name: Literal["input", "output"], arguments: Sequence[str]) -> Path | None:
    """Find the input or the output folder, even if the rest of the command line is wrong.

    Args:
        name: Which of them.
        arguments: Without the program's name.

    Returns:
        The folder, existing or not; None if neither the command line nor the environment names one.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"-{name[0]}", f"--{name}", dest="folder", type=Path, nargs="?")
    parser.add_argument("-w", "--workdir", type=Path, nargs="?")
    parsed, _ = parser.parse_known_args(arguments)
    folder: Path | None = parsed.folder
    return folder or _from_environment(name.upper(), parsed.workdir)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m app",
        description="Finds, separates and names the vertebrae and discs of a spine MRI series. Research use only.",
        allow_abbrev=False,
    )
    parser.add_argument("-i", "--input", type=Path, help="folder with DICOM files (HOLOSCAN_INPUT_PATH)")
    parser.add_argument("-o", "--output", type=Path, help="folder to write to (HOLOSCAN_OUTPUT_PATH)")
    parser.add_argument(
        "-m", "--model", type=Path, help="folder with the bundles (HOLOSCAN_MODEL_PATH, or the package's)"
    )
    parser.add_argument("-w", "--workdir", type=Path, help="where relative HOLOSCAN_ paths start (HOLOSCAN_WORKDIR)")
    parser.add_argument(
        "-f",
        "--format",
        dest="formats",
        action="append",
        help=f"write only this: seg, sr, sc, nifti, json or png; may be repeated ({FORMATS_VARIABLE}, or app.yaml)",
    )
    parser.add_argument("-l", "--log-level", type=str.upper, choices=LOG_LEVELS, default="INFO", help="default: INFO")
    return parser


def _from_environment(name: str, workdir: Path | None) -> Path | None:
    value = os.environ.get(f"HOLOSCAN_{name}_PATH")
    return Path(workdir or os.environ.get("HOLOSCAN_WORKDIR", ""), value) if value else None


def _formats(names: Sequence[str]) -> frozenset[str] | None:
    from spine_segmentation.io.outputs import FORMATS  # takes memory, which a supervisor leaves to its child

    formats = frozenset(filter(None, map(str.strip, names)))
    if unknown := formats - FORMATS:
        raise UsageError(
            f"formats {sorted(unknown)}",
            expected=f"some of {sorted(FORMATS)}",
            remedy=f"correct --format or the variable {FORMATS_VARIABLE}",
        )
    return formats or None


def _required(name: str, path: Path | None) -> Path:
    if path is None:
        raise UsageError(
            f"no {name} folder",
            expected=f"--{name} FOLDER, or the variable HOLOSCAN_{name.upper()}_PATH",
            remedy="see the list of options (--help)",
        )
    return path


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"no such path: {path}", expected="a path that exists", remedy="check the spelling")
    return path
