"""HTTP sessions with the servers that are configured."""

from __future__ import annotations

from pathlib import Path

import requests

from spine_segmentation.pacs.config import read_password


def web_session(username: str | None, password_file: Path | None, authority: Path | None = None) -> requests.Session:
    """Open a session that goes by the configuration alone.

    A proxy, certificates (which would replace the configured ones) or a password of the environment are not used.

    Args:
        username: For HTTP basic authentication; None for none.
        password_file: Holds the password in its first line.
        authority: Certificates that the server's must be signed by, PEM; None for public authorities (certifi).

    Returns:
        The session, with its authentication and authorities set.

    Raises:
        UsageError: If the password file cannot be read.
    """
    session = requests.Session()
    session.trust_env = False
    if username is not None:
        session.auth = (username, read_password(password_file))
    if authority is not None:
        session.verify = str(authority)
    return session
