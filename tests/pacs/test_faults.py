"""After every fault: acknowledged = stored = processed = delivered, one current result a series, no litter.

The short matrix strikes each fault a few times; ``PACS_FAULTS=full`` runs all of it and writes its table to the file
that ``PACS_FAULTS_TABLE`` names.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pacs.faults import MATRIX, Entry
from tests.pacs.orthanc import reason_to_skip

pytestmark = pytest.mark.pacs

FULL = os.environ.get("PACS_FAULTS") == "full"
NEEDS = {
    "disk full": "" if os.geteuid() == 0 else "only root can mount a small disk",
    "Orthanc killed and restarted": reason_to_skip(),
}
IN_SHORT_RUN = {
    "disk full", "clock set back", "SIGKILL of service, worker and destination", "Orthanc killed and restarted",
}  # fmt: skip
"""Those that no other test has; the rest are marked slow."""


def cases() -> list[object]:
    return [
        pytest.param(name, entry, id=name, marks=() if name in IN_SHORT_RUN else pytest.mark.slow)
        for name, entry in MATRIX.items()
    ]


@pytest.mark.parametrize(("name", "entry"), cases())
def test_nothing_is_lost_or_doubled(tmp_path: Path, name: str, entry: Entry) -> None:
    if NEEDS.get(name):
        pytest.skip(NEEDS[name])
    times = entry.full if FULL else entry.short
    account = entry.fault(tmp_path, times)
    table = os.environ.get("PACS_FAULTS_TABLE")
    if table:
        row = (name, times, account.series, account.images, len(account.lost), len(account.doubled),
               len(account.litter), f"{account.seconds:.0f}")  # fmt: skip
        with Path(table).open("a") as file:
            file.write(f"| {' | '.join(map(str, row))} |\n")
    assert account.balances, account
