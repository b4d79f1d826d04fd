"""The completeness check by C-FIND: a series waits for the images that the PACS knows, but not for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs import config
from spine_segmentation.pacs.completeness import Completeness
from spine_segmentation.pacs.config import RemoteAe
from spine_segmentation.pacs.query import count_images
from spine_segmentation.pacs.statuses import StoreStatus
from tests.pacs.lab import ARCHIVE, ServiceProcess, free_port, make_series, send, wait_for
from tests.pacs.test_intake import Desk

pytestmark = pytest.mark.pacs


class QueryPacs:
    """A C-FIND SCP that says how many images each series has; it does not know the others."""

    def __init__(self) -> None:
        self.port = free_port()
        self.counts: dict[str, int] = {}
        self.queries = 0
        entity = AE(ARCHIVE)
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        handlers = [(evt.EVT_C_FIND, self._find)]
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        self._is_up = True

    def stop(self) -> None:
        if self._is_up:
            self._server.shutdown()
        self._is_up = False

    def section(self, give_up_seconds: float) -> dict[str, Any]:
        """The service's configuration for it."""
        remote = {"ae_title": ARCHIVE, "host": "127.0.0.1", "port": self.port}
        return {"completeness": remote | {"give_up_seconds": give_up_seconds}}

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        self.queries += 1
        uid = event.identifier.SeriesInstanceUID
        if uid in self.counts:
            answer = Dataset()
            answer.QueryRetrieveLevel, answer.SeriesInstanceUID = "SERIES", uid
            answer.NumberOfSeriesRelatedInstances = self.counts[uid]
            yield 0xFF00, answer
        yield 0x0000, None


@pytest.fixture
def pacs() -> Iterator[QueryPacs]:
    running = QueryPacs()
    yield running
    running.stop()


def series_of(paths: list[Path]) -> str:
    return str(pydicom.dcmread(paths[0]).SeriesInstanceUID)


def test_asks_for_the_number_of_images(pacs: QueryPacs) -> None:
    remote = RemoteAe(ae_title=ARCHIVE, host="127.0.0.1", port=pacs.port)
    pacs.counts["1.2.3"] = 7
    assert count_images(remote, "SPINESEG", "1.2", "1.2.3") == 7
    assert count_images(remote, "SPINESEG", "1.2", "1.2.4") is None
    pacs.stop()
    with pytest.raises(OutputError, match="does not answer"):
        count_images(remote, "SPINESEG", "1.2", "1.2.3")


def test_a_series_waits_for_the_images_that_the_pacs_knows(
    pacs: QueryPacs, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    service = make_service(readiness=pacs.section(300.0))
    paths = make_series(tmp_path / "in", images=6)
    pacs.counts[series_of(paths)] = 6
    send(service.port, paths[:4])
    wait_for(lambda: pacs.queries >= 3, "the PACS is not asked")
    assert service.job_states() == {}
    send(service.port, paths[4:])
    wait_for(lambda: service.job_states()["DONE"] == 1)


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["images never come", "a series that the PACS does not know"])
def test_a_series_that_stays_incomplete_is_processed_in_the_end(
    pacs: QueryPacs, make_service: Callable[..., ServiceProcess], tmp_path: Path, known: bool
) -> None:
    service = make_service(readiness=pacs.section(3.0))
    paths = make_series(tmp_path / "in", images=6)
    if known:
        pacs.counts[series_of(paths)] = 6
    send(service.port, paths[:4])
    wait_for(lambda: service.job_states()["DONE"] == 1)
    assert pacs.queries >= 2
    assert "the PACS knows" in service.log.read_text()


def test_a_pacs_that_is_down_delays_and_loses_nothing(
    pacs: QueryPacs, make_service: Callable[..., ServiceProcess], tmp_path: Path
) -> None:
    pacs.stop()
    service = make_service(readiness=pacs.section(3.0))
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: service.job_states()["DONE"] == 1)


NOWHERE = Path("/nonexistent.pem")


@pytest.mark.parametrize(
    "fault", [{"host": "no-such-host.invalid"}, {"tls": {"certificate": NOWHERE, "key": NOWHERE, "authority": NOWHERE}}]
)
def test_a_pacs_that_cannot_even_be_called_is_given_up(tmp_path: Path, fault: dict[str, Any]) -> None:
    """Its name does not resolve, or our TLS files cannot be read."""
    desk = Desk(tmp_path)
    desk.accept(pydicom.dcmread(make_series(tmp_path / "in", images=1)[0]))
    (row,) = desk.ledger.rows("SELECT * FROM series")
    values = {"ae_title": ARCHIVE, "host": "127.0.0.1", "port": 104, "give_up_seconds": 60.0} | fault
    check = Completeness(config.Completeness.model_validate(values), desk.ledger, "SPINESEG")
    assert not check.is_whole(row, 59.0)
    assert check.is_whole(row, 60.0)


def test_a_pacs_is_asked_less_and_less_often(pacs: QueryPacs, tmp_path: Path) -> None:
    """Within ten minutes about every series that is not whole, and about any while it is down."""
    now = 0.0
    desk = Desk(tmp_path)
    images = [pydicom.dcmread(make_series(tmp_path / name, images=1)[0]) for name in "ab"]
    for image in images:
        assert desk.accept(image) is StoreStatus.SUCCESS
    settings = config.Completeness(ae_title=ARCHIVE, host="127.0.0.1", port=pacs.port, give_up_seconds=1e6)
    check = Completeness(settings, desk.ledger, "SPINESEG", lambda: now)
    rows = desk.ledger.rows("SELECT * FROM series")
    while now < 600.0:
        assert not any(check.is_whole(row, now) for row in rows)
        now += 0.5
    assert 2 * 10 <= pacs.queries <= 2 * 30
    pacs.counts[str(images[0].SeriesInstanceUID)] = 1
    check.expect_answer(str(images[0].SeriesInstanceUID))
    assert [row["series_uid"] for row in rows if check.is_whole(row, now)] == [images[0].SeriesInstanceUID]


def test_a_pacs_that_does_not_answer_is_left_alone_for_a_while(
    pacs: QueryPacs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    desk = Desk(tmp_path)
    desk.accept(pydicom.dcmread(make_series(tmp_path / "in", images=1)[0]))
    settings = config.Completeness(ae_title=ARCHIVE, host="127.0.0.1", port=pacs.port, give_up_seconds=1e6)
    check = Completeness(settings, desk.ledger, "SPINESEG", lambda: now)
    pacs.stop()
    (row,) = desk.ledger.rows("SELECT * FROM series")
    while now < 600.0:
        check.expect_answer(row["series_uid"])
        assert not check.is_whole(row, now)
        now += 0.5
    assert 10 <= caplog.text.count("does not answer") <= 30
