"""How long a stage took."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def timed(stage: str, timings: dict[str, float]) -> Iterator[None]:
    """Measure the block and log it.

    Args:
        stage: What the block does, e.g. ``"segment"``.
        timings: Wall seconds per stage; this one is added.

    Yields:
        Nothing; the block is timed until it ends without an error.
    """
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
    logger.info("%s: %.2f s", stage, timings[stage])
