"""A spine of boxes on any grid, its labelling, and the DICOM series it could have come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset

from spine_segmentation.anatomy import BY_NAME, IVD, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.results import Candidate, Instance, Labeling, ModelIdentity, NamedStructure, SpineResult
from spine_segmentation.volume import Volume
from tests.dicom_factory import classic_dataset, enhanced_dataset

NAMES = ("L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1")
MODELS = (ModelIdentity("segmentation", "1.0", "a" * 64), ModelIdentity("labeling", "1.0", "b" * 64))


def _named(volume: Volume, labels: np.ndarray, number: int, name: str, identifier: int) -> NamedStructure:
    inside = np.argwhere(labels == identifier)
    x, y, z = volume.to_patient(inside.mean(axis=0)) if len(inside) else (0.0, 0.0, 0.0)
    instance = Instance(
        label=number,
        kind=BY_NAME[name].kind,
        position=float(number),
        centroid=(float(x), float(y), float(z)),
        volume=len(inside) * volume.voxel_volume,
        fully_visible=number > 1,
    )
    return NamedStructure(
        id=identifier,
        name=name if identifier < 100 else None,
        best_name=name,
        kind=instance.kind,
        confidence=0.98 if identifier < 100 else 0.62,
        runner_up="L2" if name == "L3" else None,
        runner_up_confidence=0.01 if name == "L3" else 0.0,
        instance=instance,
    )


def _ids(names: tuple[str, ...], determined: bool) -> list[int]:
    if determined:
        return [BY_NAME[name].id for name in names]
    counts = {Kind.VERTEBRA: 100, Kind.IVD: 200}
    ids = []
    for name in names:
        counts[BY_NAME[name].kind] += 1
        ids.append(counts[BY_NAME[name].kind])
    return ids


def _result(volume: Volume, names: tuple[str, ...] = NAMES, *, determined: bool = True) -> SpineResult:
    ids = _ids(names, determined)
    slices, rows, columns = volume.shape
    labels = np.zeros(volume.shape, dtype=np.uint8)
    semantic = np.zeros(volume.shape, dtype=np.uint8)
    ends = np.linspace(1, rows - 1, len(names) + 1).astype(int)
    middle = slice(1, -1) if slices > 2 else slice(None)
    for name, identifier, top, bottom in zip(names, ids, ends, ends[1:], strict=False):
        box = middle, slice(top, bottom), slice(columns // 4, columns // 2)
        labels[box] = identifier
        semantic[box] = VERTEBRA if BY_NAME[name].kind is Kind.VERTEBRA else IVD
    labels[:, -1, -1] = semantic[:, -1, -1] = SACRUM_BELOW_S1
    structures = tuple(
        _named(volume, labels, k, name, identifier)
        for k, (name, identifier) in enumerate(zip(names, ids, strict=True), 1)
    )
    labeling = Labeling(
        labels=volume.with_array(labels),
        structures=structures,
        status="determined" if determined else "undetermined",
        confidence=0.97 if determined else 0.4,
        runner_up=("L2", "L3", "L4", "L5"),
        runner_up_confidence=0.02,
        variant=Statement.NORMAL if determined else Statement.UNTOLD,
        variant_odds=25.0 if determined else None,
        candidates=(Candidate((*names, None), 0.97 if determined else 0.4),),
    )
    return SpineResult(volume, volume.with_array(semantic), labeling, MODELS, {"segment": 1.23456, "label": 0.5})


UIDS = {
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.2",
    "FrameOfReferenceUID": "1.2.826.0.1.3680043.8.498.3",
}


def _classic(volume: Volume, header: dict[str, object]) -> tuple[Dataset, ...]:
    numbered = {"SOPInstanceUID": lambda index: f"1.2.826.0.1.3680043.8.498.4.{index + 1}"}
    return tuple(classic_dataset(volume, k, **{**UIDS, **numbered, **header}) for k in range(volume.shape[0]))


def _enhanced(volume: Volume, frame_numbers: tuple[int, ...], header: dict[str, object]) -> tuple[Dataset, ...]:
    """One header with foreign frames between its own, and geometry given frame by frame."""
    dataset = enhanced_dataset(volume, **{**UIDS, "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.5", **header})
    (shared,) = dataset.SharedFunctionalGroupsSequence
    frames = [Dataset() for _ in range(max(frame_numbers))]
    for frame, number in zip(dataset.PerFrameFunctionalGroupsSequence, frame_numbers, strict=True):
        frame.PlaneOrientationSequence = shared.PlaneOrientationSequence
        frame.PixelMeasuresSequence = shared.PixelMeasuresSequence
        frames[number - 1] = frame
    del shared.PlaneOrientationSequence, shared.PixelMeasuresSequence
    dataset.NumberOfFrames, dataset.PerFrameFunctionalGroupsSequence = len(frames), frames
    return (dataset,)


def _series(volume: Volume, *, frame_numbers: tuple[int, ...] = (), **header: object) -> DicomSeries:
    sources = _enhanced(volume, frame_numbers, header) if frame_numbers else _classic(volume, header)
    for source in sources:
        del source.PixelData
    return DicomSeries(volume, sources, frame_numbers, "the only sagittal series", ("Modality is missing",))


@pytest.fixture(scope="session")
def make_result() -> Callable[..., SpineResult]:
    """``make_result(volume, names=..., determined=True)``: boxes in a row, and a corner of sacrum below S1."""
    return _result


@pytest.fixture(scope="session")
def make_series() -> Callable[..., DicomSeries]:
    """``make_series(volume, frame_numbers=(), **header)``: a faultless header but for what is given; None deletes."""
    return _series


@pytest.fixture(scope="session")
def volume() -> Volume:
    """A small sagittal image in canonical orientation."""
    array = np.random.default_rng(0).uniform(0, 1000, (5, 40, 24)).astype(np.float32)
    return Volume.from_axes(array, "LIP", (4.0, 0.8, 0.9))
