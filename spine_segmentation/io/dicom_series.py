"""Finding the DICOM series under a folder, and choosing the one to use."""

from __future__ import annotations

import filecmp
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from spine_segmentation.errors import (
    MissingGeometry,
    NoDicomFound,
    NoSuitableSeries,
    TruncatedFile,
    UnsupportedOrientation,
)
from spine_segmentation.io.dicom_frames import ATTRIBUTES, Frame, frames_of
from spine_segmentation.io.dicom_headers import (
    HEADER_KEYWORDS,
    files_under,
    infer_modality,
    is_enhanced,
    is_image,
    number,
    read_header,
    text,
)
from spine_segmentation.io.dicom_stacks import best_plane, slice_places
from spine_segmentation.io.dicom_weighting import guess_weighting
from spine_segmentation.volume import THICK_SLICE_MM

logger = logging.getLogger(__name__)

WEIGHTING_PREFERENCE = ("T2w", "T1w", "STIR", "PDw", "T2*w", None, "DWI")
"""Among series with the same number of slices the earlier one in this list is used."""

_EXCLUDED_TYPES = {
    "derived": ("DERIVED",),
    "a localizer": ("LOCALIZER", "SCOUT"),
    "subtracted": ("SUBTRACT", "SUBTRACTION", "SUB"),
    "a projection": ("PROJECTION IMAGE", "MIP", "MPR"),
}
