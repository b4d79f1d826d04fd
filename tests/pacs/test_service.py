"""The whole service with a stand-in for the networks: what was acknowledged is processed and delivered once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import highdicom as hd
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import Comprehensive3DSRStorage, EnhancedSRStorage

from tests.pacs.lab import (
    OBJECTS_PER_RESULT,
    Archive,
    ServiceProcess,
    free_port,
    make_config,
    make_series,
    send,
    source_of,
    wait_for,
)
from tests.pacs.stand_in_worker import CRASH, DEFECT, HANG, NO_SPINE, UNUSABLE

pytestmark = pytest.mark.pacs

Make = Callable[..., ServiceProcess]


def finished(service: ServiceProcess, jobs: int) -> None:
    wait_for(lambda: sum(service.job_states().values()) >= jobs and service.is_idle(), "the queue is not empty")


def series_of(path: Path) -> str:
    return str(pydicom.dcmread(path).SeriesInstanceUID)


def jobs_of(service: ServiceProcess, path: Path, number: int = 1) -> list[tuple[str, str]]:
    """State and reason of the jobs of a series, once there are so many and nothing is left to do."""
    query = "SELECT state, reason FROM job WHERE series_uid=? ORDER BY id"
    wait_for(lambda: len(service.rows(query, series_of(path))) >= number and service.is_idle(), "jobs")
    return [(row["state"], row["reason"]) for row in service.rows(query, series_of(path))]


def results_of(archive: Archive, path: Path) -> list[Dataset]:
    """The segmentations that the archive has of a series, in the order of arrival."""
    return [item for item in objects_of(archive, path) if item.Modality == "SEG"]


def objects_of(archive: Archive, path: Path) -> list[Dataset]:
    """Everything that the archive has of a series, in the order of arrival."""
    return [item for item in archive.datasets if source_of(item) == series_of(path)]


def referenced_segmentations(report: Dataset) -> set[str]:
    found = hd.sr.Comprehensive3DSR.from_dataset(report).content.get_volumetric_roi_measurement_groups()
    return {group.referenced_segment[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID for group in found}


def test_repeats_and_restarts_change_nothing(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service()
    series = [make_series(tmp_path / f"in{index}") for index in range(3)]
    for paths in series * 2:
        assert send(service.port, paths) == [0] * 5
    finished(service, 3)
    for paths in series:
        send(service.port, paths)
    assert service.stop() == 0
    service.start()
    finished(service, 3)
    assert len(archive.sources()) == 3
    assert set(archive.stores.values()) == {1}
    assert service.litter() == []


def test_who_stalls_in_the_middle_of_a_pdu_does_not_hold_up_the_end(
    make_service: Make, stall: Callable[[int], None]
) -> None:
    service = make_service()
    stall(service.port)
    before = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - before < 30  # the time that an association has to end, and some for the machine


def test_a_late_image_makes_a_version_that_names_its_predecessor(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "in", images=6)
    send(shared_service.port, paths[:4])
    jobs_of(shared_service, paths[0])
    send(shared_service.port, paths[4:])
    assert [state for state, _ in jobs_of(shared_service, paths[0], 2)] == ["SUPERSEDED", "DONE"]
    first, second = results_of(shared_archive, paths[0])
    assert second.SeriesDescription == f"{first.SeriesDescription}, version 2"
    earlier, later = [
        [item for item in objects_of(shared_archive, paths[0]) if ("version 2" in item.SeriesDescription) is is_later]
        for is_later in (False, True)
    ]
    assert [item.Modality for item in earlier] == [item.Modality for item in later] == ["SEG", "SR"]
    for item in later:
        named = [related.SeriesInstanceUID for related in item.RelatedSeriesSequence]
        assert named == [one.SeriesInstanceUID for one in earlier]
    (_, report), (segmentation, later_report) = earlier, later
    assert referenced_segmentations(later_report) == {segmentation.SOPInstanceUID}
    assert later_report.SOPInstanceUID != report.SOPInstanceUID
    assert second.StudyInstanceUID == first.StudyInstanceUID


def test_a_corrected_patient_name_reaches_the_result(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "in", images=3)
    send(shared_service.port, paths)
    jobs_of(shared_service, paths[0])
    images = [pydicom.dcmread(path) for path in paths]
    for image in images:
        image.PatientName = "Right^Name"
    assert send(shared_service.port, images) == [0] * 3
    jobs_of(shared_service, paths[0], 2)
    results = results_of(shared_archive, paths[0])
    assert [str(item.PatientName) for item in results] == ["Doe^Jane", "Right^Name"]
    assert len({item.SOPInstanceUID for item in results}) == 2


def test_a_second_study_under_one_series_uid_is_never_mixed_with_the_first(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "one", images=3, PatientID="one")
    uid = series_of(paths[0])
    others = make_series(tmp_path / "two", images=5, PatientID="two", SeriesInstanceUID=uid)
    assert send(shared_service.port, paths) == [0] * 3
    assert send(shared_service.port, others) == [0xC011] * 5
    assert [state for state, _ in jobs_of(shared_service, paths[0])] == ["DONE"]
    (result,) = results_of(shared_archive, paths[0])
    assert result.PatientID == "one"
    assert result.StudyInstanceUID == pydicom.dcmread(paths[0]).StudyInstanceUID


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "its modality is CT, not MR"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "a localizer"),
        ({"command": NO_SPINE}, "NoSpineFound"),
    ],
)
def test_what_is_no_spine_is_skipped_with_a_reason(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    paths = make_series(tmp_path / "in", **options)
    send(shared_service.port, paths)
    ((state, said),) = jobs_of(shared_service, paths[0])
    assert state == "SKIPPED"
    assert reason in said
    assert results_of(shared_archive, paths[0]) == []


def test_a_series_with_a_gap_fails_for_good_and_its_late_image_cures_it(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "in", images=6)
    send(shared_service.port, [*paths[:2], *paths[3:]])
    assert jobs_of(shared_service, paths[0])[0][1].startswith("MissingSlice")
    send(shared_service.port, [paths[2]])
    assert [state for state, _ in jobs_of(shared_service, paths[0], 2)] == ["FAILED", "DONE"]
    (result,) = results_of(shared_archive, paths[0])
    assert "RelatedSeriesSequence" not in result


def test_our_own_results_come_back_and_nothing_happens(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "in")
    send(shared_service.port, paths)
    jobs_of(shared_service, paths[0])
    before = len(shared_archive.objects)
    results = objects_of(shared_archive, paths[0])
    assert send(shared_service.port, results) == [0, 0]
    for number, result in enumerate(results):
        result.save_as(tmp_path / f"{number}.dcm")
        assert jobs_of(shared_service, tmp_path / f"{number}.dcm") == [("SKIPPED", "a result of this program")]
    assert len(shared_archive.objects) == before


def test_an_mr_image_of_our_own_make_is_no_result(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    paths = make_series(tmp_path / "in", Manufacturer="spine-segmentation")
    send(shared_service.port, paths)
    assert jobs_of(shared_service, paths[0]) == [("DONE", "")]


def test_poisonous_series_fail_and_the_next_one_is_served(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service(processing={"max_attempts": 1, "timeout_seconds": 10.0})
    poison = [make_series(tmp_path / f"{command}", command=command) for command in (CRASH, DEFECT, HANG)]
    good = make_series(tmp_path / "good")
    for paths in (*poison, good):
        send(service.port, paths)
    finished(service, 4)
    assert [jobs_of(service, paths[0])[0][0] for paths in poison] == ["FAILED"] * 3
    assert [state for state, _ in jobs_of(service, good[0])] == ["DONE"]
    assert len(archive.objects) == OBJECTS_PER_RESULT


@pytest.mark.slow
def test_a_killed_service_loses_and_doubles_nothing(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service("1", "0.3")
    series = [make_series(tmp_path / f"in{index}") for index in range(4)]
    for paths in series[:3]:
        assert send(service.port, paths) == [0] * 5
    wait_for(lambda: service.job_states()["RUNNING"])
    service.kill()
    service.start()
    assert send(service.port, series[3]) == [0] * 5
    finished(service, 4)
    assert len(archive.sources()) == 4
    assert set(archive.sources().values()) == {1}
    assert service.litter() == []


def test_sigterm_ends_in_order_and_the_job_goes_on_later(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service("1", "3")
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: service.job_states()["RUNNING"])
    assert service.stop() == 0
    assert service.job_states() == {"READY": 1}
    assert service.rows("SELECT attempts FROM job")[0]["attempts"] == 0
    service.start()
    finished(service, 1)
    assert len(archive.objects) == OBJECTS_PER_RESULT


@pytest.mark.slow
def test_a_destination_that_is_down_is_waited_for(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    archive.stop()
    service = make_service()
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: service.job_states()["DONE"])
    archive.start()
    finished(service, 1)
    assert len(archive.objects) == OBJECTS_PER_RESULT


def test_what_a_destination_refuses_becomes_a_dead_letter(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    archive.status = 0xC123
    service = make_service()
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: service.rows("SELECT 1 FROM delivery WHERE state='DEAD'"))
    assert service.rows("SELECT reason FROM delivery")[0]["reason"] == "status 0xC123"


def test_a_destination_that_is_taken_out_of_the_configuration_is_noticed(
    make_service: Make, archive: Archive, tmp_path: Path
) -> None:
    archive.status = 0xC123
    service = make_service()
    send(service.port, make_series(tmp_path / "in"))
    wait_for(lambda: service.rows("SELECT 1 FROM delivery WHERE state='DEAD'"))
    service.stop()
    service.config.write_text(service.config.read_text().replace("name: archive", "name: other"))
    service.start()
    wait_for(lambda: "archive is not in the configuration" in service.log.read_text())
    assert service.rows("SELECT state FROM delivery WHERE destination='archive'")[0]["state"] == "DEAD"


def test_a_result_is_delivered_only_when_the_archive_has_committed(
    make_service: Make, archive: Archive, tmp_path: Path
) -> None:
    port = free_port()
    archive.stop()
    archive.offer_commitment(port)
    archive.start()
    destination = {
        "kind": "c-store", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": archive.port,
    }  # fmt: skip
    service = make_service(receiver={"port": port}, destinations=[destination])
    send(service.port, make_series(tmp_path / "in"))
    finished(service, 1)
    rows = service.rows("SELECT state, reason FROM delivery")
    assert [(row["state"], row["reason"]) for row in rows] == [("DELIVERED", "committed")] * OBJECTS_PER_RESULT
    wait_for(lambda: archive.reports)


@pytest.mark.slow
def test_an_archive_without_commitment_is_believed(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    destination = {
        "kind": "c-store", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": archive.port,
    }  # fmt: skip
    service = make_service(destinations=[destination])
    send(service.port, make_series(tmp_path / "in"))
    finished(service, 1)
    assert service.rows("SELECT reason FROM delivery")[0]["reason"] == "stored; commitment not offered"


@pytest.fixture(scope="module")
def study_service(tmp_path_factory: pytest.TempPathFactory, shared_archive: Archive) -> Iterator[ServiceProcess]:
    """A service that names the series of a study together."""
    folder = tmp_path_factory.mktemp("study")
    config = make_config(folder, free_port(), shared_archive.port, readiness={"group": "study"})
    running = ServiceProcess(config).start()
    yield running
    running.kill()


def make_study(folder: Path, uid: str, *commands: int) -> list[list[Path]]:
    """Series of one study in one frame of reference."""
    shared = {"StudyInstanceUID": uid, "FrameOfReferenceUID": f"{uid}.1"}
    return [make_series(folder / str(number), command=command, **shared) for number, command in enumerate(commands)]


def names_of(archive: Archive, path: Path) -> list[list[str]]:
    """The names in each segmentation of a series, in the order of arrival."""
    return [[segment.SegmentLabel for segment in item.SegmentSequence] for item in results_of(archive, path)]


TOGETHER = ["L3", "L4"]
"""What the stand-in finds where another series takes part."""


def test_the_series_of_a_study_get_one_numbering(
    study_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    first, second = make_study(tmp_path, "1.2.3", 500, 500)
    send(study_service.port, [*first, *second])
    for paths in (first, second):
        assert [state for state, _ in jobs_of(study_service, paths[0])] == ["DONE"]
        assert names_of(shared_archive, paths[0]) == [TOGETHER]
        assert [item.Modality for item in objects_of(shared_archive, paths[0])] == ["SEG", "SR"]


def test_what_is_wrong_with_one_series_concerns_no_other_of_the_study(
    study_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    good, other, empty, unusable, gappy = make_study(tmp_path, "1.2.4", 500, 500, NO_SPINE, UNUSABLE, 500)
    send(study_service.port, [*good, *other, *empty, *unusable, *gappy[:2], *gappy[3:]])
    verdicts = [jobs_of(study_service, paths[0])[0] for paths in (good, other, empty, unusable, gappy)]
    assert [state for state, _ in verdicts] == ["DONE", "DONE", "SKIPPED", "FAILED", "FAILED"]
    assert [reason.partition(":")[0] for _, reason in verdicts[2:]] == ["NoSpineFound", "InvalidVolume", "MissingSlice"]
    assert names_of(shared_archive, good[0]) == names_of(shared_archive, other[0]) == [TOGETHER]


def test_a_late_series_makes_a_version_of_the_whole_study(
    study_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    first, late = make_study(tmp_path, "1.2.5", 500, 500)
    send(study_service.port, first)
    jobs_of(study_service, first[0])
    send(study_service.port, late)
    assert [state for state, _ in jobs_of(study_service, first[0], 2)] == ["SUPERSEDED", "DONE"]
    assert names_of(shared_archive, first[0]) == [["L4", "L5"], TOGETHER]
    assert names_of(shared_archive, late[0]) == [TOGETHER]
    second = results_of(shared_archive, first[0])[1]
    assert second.SeriesDescription.endswith("version 2")


def test_results_that_come_back_are_no_part_of_the_study(
    study_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    (paths,) = make_study(tmp_path, "1.2.6", 500)
    send(study_service.port, paths)
    jobs_of(study_service, paths[0])
    send(study_service.port, objects_of(shared_archive, paths[0]))
    wait_for(lambda: study_service.rows("SELECT 1 FROM series WHERE own") and study_service.is_idle())
    assert [state for state, _ in jobs_of(study_service, paths[0])] == ["DONE"]


def test_a_series_that_kills_the_worker_takes_no_other_of_the_study_with_it(
    make_service: Make, archive: Archive, tmp_path: Path
) -> None:
    service = make_service(readiness={"group": "study"}, processing={"max_attempts": 2})
    good, poison = make_study(tmp_path, "1.2.7", 500, CRASH)
    send(service.port, [*good, *poison])
    finished(service, 2)
    assert jobs_of(service, good[0]) == [("DONE", "named apart: processing it with its study had failed")]
    assert jobs_of(service, poison[0])[0][0] == "FAILED"
    assert names_of(archive, good[0]) == [["L4", "L5"]]


def test_all_objects_of_a_result_are_as_configured(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service(results={"report": "enhanced", "capture": True})
    paths = make_series(tmp_path / "in")
    send(service.port, paths)
    finished(service, 1)
    segmentation, report, capture = objects_of(archive, paths[0])
    assert [item.Modality for item in (segmentation, report, capture)] == ["SEG", "SR", "OT"]
    assert report.SOPClassUID == EnhancedSRStorage
    assert len({item.SeriesInstanceUID for item in (segmentation, report, capture)}) == 3


@pytest.mark.slow
def test_a_result_stays_until_all_its_objects_are_delivered(
    make_service: Make, archive: Archive, tmp_path: Path
) -> None:
    archive.refused = Comprehensive3DSRStorage
    service = make_service(retention={"keep_seconds": 0.1}, delivery={"max_refusals": 100})
    paths = make_series(tmp_path / "in")
    send(service.port, paths)
    wait_for(lambda: service.rows("SELECT 1 FROM delivery WHERE state='DELIVERED'"))
    assert [item.Modality for item in objects_of(archive, paths[0])] == ["SEG"]
    service.stop()
    service.start()
    time.sleep(2.0)
    assert {path.name for path in (service.spool / "results").rglob("*.dcm")} == {"segmentation.dcm", "report.dcm"}
    archive.refused = ""
    finished(service, 1)
    assert [item.Modality for item in objects_of(archive, paths[0])] == ["SEG", "SR"]


def test_finished_work_is_deleted_after_its_time(make_service: Make, archive: Archive, tmp_path: Path) -> None:
    service = make_service(retention={"keep_seconds": 0.1})
    paths = make_series(tmp_path / "in")
    send(service.port, paths)
    finished(service, 1)
    service.stop()
    service.start()
    wait_for(lambda: not any((service.spool / "inbox").iterdir()))
    wait_for(lambda: not any((service.spool / "results").iterdir()))
    send(service.port, paths)
    finished(service, 1)
    assert set(archive.stores.values()) == {1}


def test_a_killed_worker_is_started_again(
    shared_service: ServiceProcess, shared_archive: Archive, tmp_path: Path
) -> None:
    wait_for(shared_service.kill_worker)
    paths = make_series(tmp_path / "in")
    send(shared_service.port, paths)
    jobs_of(shared_service, paths[0])
    assert len(results_of(shared_archive, paths[0])) == 1


def test_a_second_service_on_the_spool_is_refused(shared_service: ServiceProcess) -> None:
    second = ServiceProcess(shared_service.config).start(wait=False)
    assert second.process is not None
    assert second.process.wait(30) != 0
    assert shared_service.is_listening()


def test_the_log_names_no_patient(shared_service: ServiceProcess, tmp_path: Path) -> None:
    paths = make_series(tmp_path / "in", PatientName="Secret^Name", PatientID="SECRET-ID")
    send(shared_service.port, paths)
    image = pydicom.dcmread(paths[0])
    image.PixelData = b"\1" * len(image.PixelData)
    assert send(shared_service.port, [image]) == [0xC011]
    jobs_of(shared_service, paths[0])
    log = shared_service.log.read_text()
    assert "is done" in log
    assert "0xC011" in log
    assert "secret" not in log.lower()
    assert series_of(paths[0]) not in log


def test_the_worker_ends_with_its_service(shared_service: ServiceProcess) -> None:
    (worker,) = wait_for(shared_service.workers)
    shared_service.kill()
    wait_for(lambda: not Path(f"/proc/{worker}/exe").exists())
