"""Running the networks on windows of the labelled scans of a folder."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.errors import SpineError, UsageError
from spine_segmentation.evaluation.evaluate import CRASHES, describe_error, read_pair
from spine_segmentation.evaluation.label_mapping import LabelMapping
from spine_segmentation.evaluation.observation import (
    Observations,
    ObservedWindow,
    WindowIdentity,
    describe_instances,
    find_structures,
)
from spine_segmentation.evaluation.pairs import annotated_pairs, scan_name
from spine_segmentation.evaluation.true_instances import true_instances
from spine_segmentation.evaluation.windows import (
    LEAST_VISIBLE,
    Window,
    choose_windows,
    crop_rows,
    list_windows,
    required_truth,
)
from spine_segmentation.io.product import product_version
from spine_segmentation.labeler import Labeler
from spine_segmentation.pipeline import SpinePipeline
from spine_segmentation.progress import Progress
from spine_segmentation.results import ModelIdentity
from spine_segmentation.study import Look
from spine_segmentation.synth.contrast import Weighting
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

VISIBLE = range(LEAST_VISIBLE, len(LEVELS) - 1)
"""Numbers of vertebrae that are tried: 2 to 24, the usual column from C2 to S1."""


@dataclass(frozen=True)
class Observer:
    """The stages before naming, as the pipeline runs them.

    Attributes:
        look: Gives the instances of an image, whose truth is passed, too, and the evidence of their levels.
        models: The networks that are used.
        true_instances: Whether the instances are the truth's.
    """

    look: Callable[[Volume, Volume], Look]
    models: tuple[ModelIdentity, ...]
    true_instances: bool

    @classmethod
    def load(cls, device: str = "cpu", models: Path | None = None, *, with_true_instances: bool = False) -> Self:
        """Load the networks: both, as the pipeline uses them, or the labeling network alone.

        Args:
            device: A torch device.
            models: Folder that holds the bundles; None for the ones that come with the package.
            with_true_instances: Take the truth's instances and leave the segmentation network out.

        Returns:
            An observer with the networks on the device.

        Raises:
            ModelError: If weights are absent or do not fit.
            DeviceUnavailable: If the device does not exist here.
        """
        if with_true_instances:
            labeler = Labeler(device, models)
            return cls(lambda image, truth: _look_at_truth(labeler, image, truth), (labeler.identity,), True)
        pipeline = SpinePipeline(device, models)
        identities = (pipeline.segmenter.identity, pipeline.labeler.identity)
        return cls(lambda image, _: pipeline.look("", image)[1], identities, False)

    def __call__(self, image: Volume, truth: Volume, window: Window, identity: WindowIdentity) -> ObservedWindow:
        """Observe a window; the networks see nothing outside it.

        Args:
            image: In canonical orientation, uncropped.
            truth: Structure ids on the same grid.
            window: What to show.
            identity: Where the window is cut, and what it is called.

        Returns:
            The observation; that of a run that failed has no instances.
        """
        image, truth = crop_rows(image, identity.rows), crop_rows(truth, identity.rows)
        required = required_truth(truth, window)
        start = time.perf_counter()
        try:
            look = self.look(image, truth)
        except (SpineError, *CRASHES) as error:
            logger.exception("a window failed")
            missed, reason = find_structures(None, required), describe_error(error)
            return ObservedWindow(window=identity, instances=(), structures=missed, seconds=0.0, error=reason)
        seconds = time.perf_counter() - start
        return ObservedWindow(
            window=identity,
            instances=describe_instances(look.instances, look.evidence, required),
            structures=find_structures(look.instances, required),
            seconds=seconds,
        )


def observe_folder(
    data: Path,
    observer: Observer,
    mapping: LabelMapping,
    *,
    most: int,
    visible: Collection[int] = VISIBLE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Observations:
    """Observe windows of every labelled scan of a folder.

    The windows of a patient's scans, and their cuts, are drawn with one seed, so that contrasts compare.

    Args:
        data: Folder of ``NAME_img.nii.gz`` and ``NAME_seg.nii.gz``, each pair on one grid.
        observer: The networks.
        mapping: Meaning of the masks' values.
        most: Most windows of a scan; where there are more, as many as this are drawn.
        visible: Numbers of vertebrae in view.
        seed: Of the draw.
        progress: Called after each scan.

    Returns:
        The windows, and the scans that have none.

    Raises:
        UnreadableFile: If there is no pair in the folder.
        UsageError: If a number of vertebrae or of windows is too small.
    """
    _check(visible, most)
    pairs = annotated_pairs(data)
    windows: list[ObservedWindow] = []
    unusable = {}
    for done, (image, mask) in enumerate(pairs, start=1):
        name = scan_name(image)
        try:
            observed = _observe_scan(name, *read_pair(image, mask, mapping), observer, visible, most, seed)
        except SpineError as error:
            observed, unusable[name] = [], describe_error(error)
        if not observed:
            unusable.setdefault(name, "no window with a wanted number of vertebrae")
        windows += observed
        if progress is not None:
            progress(done, len(pairs))
    return Observations(
        version=product_version(),
        synthetic=mapping.synthetic,
        true_instances=observer.true_instances,
        models=observer.models,
        most=most,
        seed=seed,
        windows=tuple(windows),
        unusable=unusable,
    )


def parse_visible(text: str) -> tuple[int, ...]:
    """Read numbers of vertebrae.

    Args:
        text: E.g. ``"5,8,10,15"``; empty for all that are possible.

    Returns:
        The numbers, in the order in which they are given.

    Raises:
        UsageError: If it holds something else.
    """
    try:
        return tuple(int(number) for number in text.split(",")) if text else tuple(VISIBLE)
    except ValueError as error:
        raise UsageError(
            f"numbers of vertebrae {text!r}", expected="whole numbers and commas", remedy="write e.g. 5,8,10,15"
        ) from error


def patient_and_contrast(scan: str) -> tuple[str, str | None]:
    """Tell a scan's patient and weighting by its name.

    Args:
        scan: E.g. ``"synth_0000_T1w"``.

    Returns:
        E.g. ``("synth_0000", "T1w")``; the whole name and None if it does not end in a weighting.
    """
    patient, _, contrast = scan.rpartition("_")
    return (patient, contrast) if patient and contrast in set(Weighting) else (scan, None)


def _look_at_truth(labeler: Labeler, image: Volume, truth: Volume) -> Look:
    """Ask the labeling network for the levels of the truth's instances."""
    instances = true_instances(truth)
    return Look("", instances, labeler.look(image, instances))


def _observe_scan(
    name: str, image: Volume, truth: Volume, observer: Observer, visible: Collection[int], most: int, seed: int
) -> list[ObservedWindow]:
    patient, contrast = patient_and_contrast(name)
    random = np.random.default_rng((seed, zlib.crc32(patient.encode())))
    (image, _), (truth, _) = image.canonical(), truth.canonical()
    windows = choose_windows(list_windows(truth, visible), most, random)
    return [
        observer(
            image,
            truth,
            window,
            WindowIdentity(
                scan=name,
                patient=patient,
                contrast=contrast,
                vertebrae=window.vertebrae,
                rows=window.draw_rows(random),
                reaches_sacrum=window.reaches_sacrum,
            ),
        )
        for window in windows
    ]


def _check(visible: Collection[int], most: int) -> None:
    if not visible or min(visible) < LEAST_VISIBLE or most < 1:
        raise UsageError(
            f"windows of {sorted(visible)} vertebrae, {most} a scan",
            expected=f"{LEAST_VISIBLE} vertebrae or more, and at least one window",
            remedy="give other numbers",
        )
