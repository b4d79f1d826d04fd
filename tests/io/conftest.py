"""A spine of boxes on any grid, its labelling, and the DICOM series it could have come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage, generate_uid

from spine_segmentation.anatomy import BY_NAME, IVD, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.results import Instance, Labeling, ModelIdentity, NamedStructure, SpineResult
from spine_segmentation.volume import Volume

NAMES = ("L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1")
MODELS = (ModelIdentity("segmentation", "1.0", "a" * 64), ModelIdentity("labeling", "1.0", "b" * 64))


@dataclass(frozen=True)
class Series:
    """What ``write_segmentation`` needs of a ``DicomSeries``."""

    volume: Volume
    sources: tuple[Dataset, ...]
    frame_numbers: tuple[int, ...] = ()
    choice: str = "the only sagittal series"
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_enhanced(self) -> bool:
        return bool(self.frame_numbers)
