"""The container's entry point: run the application, serve, or say what the container holds."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.manifests import COMMAND, MANIFESTS, ROOT, WORKING_DIRECTORY
from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.termination import exit_on_error, exit_on_sigterm

logger = logging.getLogger(__name__)

USAGE = """\
run [OPTIONS]     the application, once; also without the word (the default); --help lists the options
serve [CONFIG]    the DICOM service; CONFIG: /etc/spine-segmentation/serve.yaml
show [app|pkg]    the manifests, as JSON
extract           copies application, models, manifests and documents to /var/run/holoscan/export
health            0 if the service answers; also in a container that runs once
"""

EXPORT = Path("/var/run/holoscan/export")

CONTENT = {
    "app": (ROOT / "app",),
    "config": (MANIFESTS / "app.json", MANIFESTS / "pkg.json", WORKING_DIRECTORY / "app.yaml"),
    "models": (ROOT / "models",),
    "docs": (ROOT / "docs",),
}
"""What can be extracted: folders, whose content is copied, and files."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the container's arguments ask for.

    Args:
        arguments: Those of the container; None for the process's own.

    Raises:
        SystemExit: With the exit code.
    """
    exit_on_sigterm()
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with exit_on_error():
        sys.exit(_choose(given)(given[1:] if given and given[0] in ACTIONS else given))


def run(arguments: Sequence[str]) -> int:
    """Run the application once.

    Args:
        arguments: Of ``python -m app``.

    Returns:
        The application's exit code.

    Raises:
        SystemExit: With 128 plus the signal's number, if the application was killed.
    """
    from app.arguments import find_folder
    from app.supervisor import supervise

    return supervise([*COMMAND, *arguments], find_folder("output", arguments))


def serve(arguments: Sequence[str]) -> int:
    """Become the DICOM service.

    Args:
        arguments: The configuration file, if it is not where it is expected.

    Returns:
        Never: the service replaces this process.
    """
    from app.health import SERVICE_CONFIGURATION

    configuration = arguments or [str(SERVICE_CONFIGURATION)]
    os.execvp("spine-segmentation", ["spine-segmentation", "serve", *configuration])  # noqa: S606, S607


def show(arguments: Sequence[str]) -> int:
    """Write the manifests to standard output.

    Args:
        arguments: ``app`` or ``pkg`` for one of them; none for both in one document.

    Returns:
        Exit code 0.

    Raises:
        UsageError: If there is no such manifest.
    """
    manifests = {name: MANIFESTS / f"{name}.json" for name in ("app", "pkg")}
    if unknown := set(arguments) - set(manifests):
        raise UsageError(f"no manifest {sorted(unknown)}", expected="app or pkg", remedy="correct the name")
    documents = {name: json.loads(manifests[name].read_text()) for name in arguments or manifests}
    document = documents[arguments[0]] if len(arguments) == 1 else documents
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0


def extract(arguments: Sequence[str]) -> int:
    """Copy what the container holds into the folder that was mounted for it.

    If one or more of the folders ``app``, ``config``, ``models`` and ``docs`` are there, only they are filled.

    Args:
        arguments: Not used.

    Returns:
        Exit code 0.

    Raises:
        UsageError: If no folder is mounted.
        OutputError: If it cannot be written to.
    """
    if not EXPORT.is_dir():
        raise UsageError(f"no folder {EXPORT}", expected="one mounted there", remedy=f"mount it: -v FOLDER:{EXPORT}")
    wanted = [name for name in CONTENT if (EXPORT / name).is_dir()] or list(CONTENT)
    try:
        for name in wanted:
            _copy(CONTENT[name], EXPORT / name)
    except OSError as error:
        raise OutputError(
            f"{EXPORT} cannot be written to ({error.strerror or type(error).__name__})",
            expected="a folder that this user may write to",
            remedy="create it before, and run the container with your own user id (--user)",
        ) from error
    return 0


def health(arguments: Sequence[str]) -> int:
    """Ask the service whether it lives; a container that runs once is well.

    Args:
        arguments: Not used.

    Returns:
        1 if the service does not answer.

    Raises:
        UsageError: If the service's configuration cannot be read.
    """
    from app.health import answers

    return 0 if answers() else 1


def explain(arguments: Sequence[str]) -> int:
    """Write the list of commands to standard output.

    Args:
        arguments: Not used.

    Returns:
        Exit code 0.
    """
    sys.stdout.write(USAGE)
    return 0


ACTIONS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "serve": serve,
    "show": show,
    "extract": extract,
    "health": health,
    "help": explain,
}


def _choose(given: Sequence[str]) -> Callable[[Sequence[str]], int]:
    if not given or given[0].startswith("-"):
        return run
    if given[0] not in ACTIONS:
        raise UsageError(f"command {given[0]!r}", expected=" | ".join(ACTIONS), remedy="see 'help'")
    return ACTIONS[given[0]]


def _copy(sources: Sequence[Path], target: Path) -> None:
    target.mkdir(exist_ok=True)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target / source.name)


if __name__ == "__main__":
    main()
