"""An address that cannot be listened at."""

from __future__ import annotations

from spine_segmentation.errors import OutputError


def cannot_listen(host: str, port: int, error: OSError) -> OutputError:
    """Say so.

    Args:
        host: The address.
        port: The port.
        error: What the system says.

    Returns:
        The error to raise.
    """
    return OutputError(
        f"cannot listen at {host}:{port} ({error.strerror})",
        expected="a free port of this machine",
        remedy="stop what uses it, or configure another one",
    )
