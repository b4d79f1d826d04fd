"""Whether the service in this container answers; without its libraries, because this is asked twice a minute."""

from __future__ import annotations

import http.client
from pathlib import Path

import yaml

from spine_segmentation.errors import UsageError

SERVICE_CONFIGURATION = Path("/etc/spine-segmentation/serve.yaml")
"""Where the service looks if it is told of no other file."""

FIRST_PROCESS = Path("/proc/1/cmdline")
"""The words that started the container, each followed by a null byte."""

HOST, PORT = "127.0.0.1", 8086
"""Where the status page listens if the configuration does not say."""

PATIENCE_SECONDS = 5.0


def answers() -> bool:
    """Ask the service's status page whether the service lives.

    Returns:
        Whether it does; also true where there is no service or it has no status page.

    Raises:
        UsageError: If the service's configuration cannot be read.
    """
    configuration = _find_configuration()
    address = _read_address(configuration) if configuration else None
    return address is None or _is_well(*address)


def _find_configuration() -> Path | None:
    """Find the file that the service was started with; None in a container that runs once."""
    words = FIRST_PROCESS.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\0").split("\0")
    if "serve" in words:
        given = words[words.index("serve") + 1 :]
        return Path(given[0]) if given else SERVICE_CONFIGURATION
    return SERVICE_CONFIGURATION if SERVICE_CONFIGURATION.is_file() else None  # the first process may be the pod's


def _read_address(configuration: Path) -> tuple[str, int] | None:
    """Read where the status page listens; None if there is none. The service has checked the rest of the file."""
    try:
        page = yaml.safe_load(configuration.read_text(encoding="utf-8")).get("status_page", {})
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(
            f"{configuration} cannot be read ({type(error).__name__})",
            expected="the configuration of the service that runs here",
            remedy="mount it again, and restart the container",
        ) from error
    return None if page is None else (page.get("host", HOST), int(page.get("port", PORT)))


def _is_well(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
