"""``serve`` with the stand-in worker: CONFIG [MODEL [SECONDS]].

The variable CLOCK_OFFSET names a file with the seconds by which the clock is wrong, read anew at each look at it.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path

from spine_segmentation.pacs.config import load_config
from spine_segmentation.pacs.service import Service
from spine_segmentation.process_setup import quiet_readers

WORKER = Path(__file__).with_name("stand_in_worker.py")


def set_clock(offset: Path) -> None:
    """Let the wall clock be wrong; the monotonic clock cannot be set on a real machine either."""
    right = time.time
    time.time = lambda: right() + float(offset.read_text() or 0)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    quiet_readers()
    if "CLOCK_OFFSET" in os.environ:
        set_clock(Path(os.environ["CLOCK_OFFSET"]))
    Service(load_config(Path(sys.argv[1])), [sys.executable, str(WORKER), *sys.argv[2:]]).run()


if __name__ == "__main__":
    main()
