"""Somebody whom permissions bind, also where the tests are run by root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged_in(folder: Path) -> Iterator[None]:
    """Work in a folder without root's privileges: name paths relative to it, since its parents may be root's alone."""
    with chdir(folder):
        if os.geteuid() == 0:
            folder.chmod(0o755)
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(os.getuid())
