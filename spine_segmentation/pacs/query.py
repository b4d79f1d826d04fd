"""Asks a PACS by C-FIND how many images a series has."""

from __future__ import annotations

from pydicom import Dataset
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from spine_segmentation.errors import OutputError
from spine_segmentation.io.dicom_headers import number
from spine_segmentation.pacs.calling import Context, call
from spine_segmentation.pacs.config import RemoteAe

FIND: Context = (StudyRootQueryRetrieveInformationModelFind, ())

_SUCCESS = 0x0000


def count_images(remote: RemoteAe, ae_title: str, study_uid: str, series_uid: str) -> int | None:
    """Ask for the number of images of a series.

    Args:
        remote: A study root C-FIND SCP.
        ae_title: What to call ourselves.
        study_uid: Its study.
        series_uid: The series.

    Returns:
        The number; None if the PACS does not know the series or does not say.

    Raises:
        OutputError: If it cannot be reached or does not answer.
        UsageError: If the TLS files cannot be used.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = study_uid
    query.SeriesInstanceUID = series_uid
    query.NumberOfSeriesRelatedInstances = None
    with call(remote, ae_title, [FIND]) as association:
        answers = list(association.send_c_find(query, FIND[0])) if association is not None else []
    if not answers or answers[-1][0].get("Status") != _SUCCESS:
        raise OutputError(
            "the PACS that knows the number of images does not answer",
            expected="a study root C-FIND SCP that accepts our AE title",
            remedy="check readiness.completeness in the configuration, and the PACS",
        )
    counts = [number(answer, "NumberOfSeriesRelatedInstances") for _, answer in answers if answer is not None]
    known = [int(count) for count in counts if count is not None]
    return max(known) if known else None
