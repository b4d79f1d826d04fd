"""Asks a PACS by C-FIND how many images a series has."""

from __future__ import annotations

import logging

from pydicom import Dataset
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind  # type: ignore[attr-defined]

from spine_segmentation.io.dicom_headers import number
from spine_segmentation.pacs.calling import call
from spine_segmentation.pacs.config import RemoteAe

logger = logging.getLogger(__name__)

_PENDING = {0xFF00, 0xFF01}


def count_images(remote: RemoteAe, ae_title: str, study_uid: str, series_uid: str) -> int | None:
    """Ask for the number of images of a series.

    Args:
        remote: A study root C-FIND SCP.
        ae_title: What to call ourselves.
        study_uid: Its study.
        series_uid: The series.

    Returns:
        The number; None if it cannot be reached, does not know the series or does not say.
    """
    model = StudyRootQueryRetrieveInformationModelFind
    with call(remote, ae_title, [(model, ())]) as association:
        if association is None:
            return None
        query = Dataset()
        query.QueryRetrieveLevel = "SERIES"
        query.StudyInstanceUID = study_uid
        query.SeriesInstanceUID = series_uid
        query.NumberOfSeriesRelatedInstances = None
        counts = [
            number(answer, "NumberOfSeriesRelatedInstances")
            for status, answer in association.send_c_find(query, model)
            if status.get("Status") in _PENDING and answer is not None
        ]
    known = [int(count) for count in counts if count is not None]
    return max(known) if known else None
