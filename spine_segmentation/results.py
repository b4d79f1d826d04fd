"""What the stages hand on: instances, then named structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.errors import InputError
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.shown import Shown
from spine_segmentation.volume import Volume

Status = Literal["determined", "ambiguous", "undetermined"]
"""One possible naming of the structures is likely enough, two or three together are, or not even those."""


@dataclass(frozen=True)
class Room:
    """Whether the field of view has room for another vertebra beyond one that is whole.

    Attributes:
        above: It has above the first vertebra.
        below: It has below the last one.
    """

    above: bool = False
    below: bool = False


@dataclass(frozen=True)
class Instance:
    """One separated vertebra or disc, not yet named.

    Attributes:
        label: Its value in :attr:`Instances.labels`, 1 for the topmost structure and counting down the column.
        kind: Vertebra or intervertebral disc.
        position: Arc length of its centre along the column, mm, growing downwards.
        centroid: Patient coordinates of its centre, LPS, mm.
        volume: mm3.
        fully_visible: False where the field of view cuts it.
        tilt: Of a disc in the sagittal plane, radian, positive if its posterior edge is the higher one; None where it
            is not measured (see ``disc_tilt``).
        room: Beyond the first and the last vertebra (see ``room``).
        reaches_outer_slice: It has voxels in the first or last slice and may go on beside the image: its volume is a
            lower bound. Whether it is fully visible does not depend on that.
        above_sacrum: It is the vertebra below which the segmenter found the sacrum below S1 (see ``sacral``).
    """

    label: int
    kind: Kind
    position: float
    centroid: tuple[float, float, float]
    volume: float
    fully_visible: bool
    tilt: float | None = None
    room: Room = Room()
    reaches_outer_slice: bool = False
    above_sacrum: bool = False


@dataclass(frozen=True)
class Instances:
    """All separated structures of one volume.

    Attributes:
        labels: uint16 volume on the input's grid; 0 is background (auxiliary structures included).
        items: Top to bottom.
        shown: What the image shows of that grid; None for all of it.
    """

    labels: Volume
    items: tuple[Instance, ...]
    shown: Shown | None = None


@dataclass(frozen=True)
class LevelEvidence:
    """What the labeling network says about the level of each of n instances, log-likelihoods.

    Attributes:
        levels: Shape (n, len(anatomy.LEVELS)), float64; for a disc the level of the vertebra above it.
        below_s1: Shape (n,), float64; that the instance is part of the sacrum below S1.
    """

    levels: npt.NDArray[np.float64]
    below_s1: npt.NDArray[np.float64]


@dataclass(frozen=True)
class NamedStructure:
    """One vertebra or disc with its anatomical level.

    Attributes:
        id: Structure id (see ``anatomy``); 100 + k or 200 + k where the level is undetermined.
        name: Name of the level, None where it is undetermined.
        best_name: The most likely name, whether determined or not.
        kind: Vertebra or intervertebral disc.
        confidence: Posterior probability of ``best_name``, 0 to 1.
        runner_up: The second most likely name, None if there is none.
        runner_up_confidence: Its posterior probability.
        instance: The separated structure that is named.
    """

    id: int
    name: str | None
    best_name: str
    kind: Kind
    confidence: float
    runner_up: str | None
    runner_up_confidence: float
    instance: Instance

    @property
    def title(self) -> str:
        """What to show: the name, or e.g. ``"Vertebra 2 (level undetermined)"``."""
        return self.short_title if self.name is not None else f"{self.short_title} (level undetermined)"

    @property
    def short_title(self) -> str:
        """The name, or e.g. ``"Vertebra 2"``, where there is little room."""
        if self.name is not None:
            return self.name
        return f"{'Vertebra' if self.kind is Kind.VERTEBRA else 'Disc'} {self.id % 100}"


@dataclass(frozen=True)
class Candidate:
    """One possible naming of all structures of a volume.

    Attributes:
        names: Of every instance, top to bottom; None for a false one.
        probability: Posterior probability that no vertebra named here has another name (where there are discs alone, no
            disc) and that no better candidate agrees with.
    """

    names: tuple[str | None, ...]
    probability: float

    @property
    def vertebrae(self) -> tuple[str, ...]:
        """Names of the vertebrae, top to bottom."""
        return tuple(name for name in self.names if name is not None and BY_NAME[name].kind is Kind.VERTEBRA)

    @property
    def title(self) -> str:
        """What to show: the vertebrae, and a disc at either end, e.g. ``"L3 L4 L5 L5-S1"``."""
        named = [name for name in self.names if name is not None]
        ends = {0, len(named) - 1}
        return " ".join(name for k, name in enumerate(named) if k in ends or BY_NAME[name].kind is Kind.VERTEBRA)


@dataclass(frozen=True)
class Labeling:
    """The outcome of the labeler.

    Attributes:
        labels: uint8 volume of structure ids on the input's grid.
        structures: Top to bottom.
        status: Whether the levels are determined.
        confidence: Posterior probability that none of the names is wrong, be they given or only the most likely ones.
        runner_up: Names of the vertebrae in the second most likely candidate, top to bottom; empty if there is none.
        runner_up_confidence: Its posterior probability.
        variant: What is said of the number of vertebrae, e.g. ``"L6 present"``.
        variant_odds: Posterior odds for ``variant`` against all other numbers of vertebrae; None if it cannot be told.
        candidates: Best first, as many as are likely enough together: one if determined, two or three if ambiguous;
            if undetermined the three most likely ones, which are not likely enough.
        anchors: What the user had said about the levels, as it is written on the command line.
        companions: Titles of the other series that were named together with this one, a localizer included.
        remarks: Sentences on what the names rest on.
    """

    labels: Volume
    structures: tuple[NamedStructure, ...]
    status: Status
    confidence: float
    runner_up: tuple[str, ...]
    runner_up_confidence: float
    variant: Statement
    variant_odds: float | None = None
    candidates: tuple[Candidate, ...] = ()
    anchors: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelIdentity:
    """Which network produced a result.

    Attributes:
        name: Name of its bundle, e.g. ``"segmentation"``.
        version: Version in the bundle's metadata.
        sha256: Hash of the weights file, hexadecimal.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class SpineResult:
    """Everything one run of the pipeline found in one volume.

    Attributes:
        image: The input.
        semantic: uint8 volume on the input's grid: 0 background, 1 vertebra, 2 IVD, 60 S2 and below.
        labeling: Named structures; None where only the semantic map was asked for.
        models: The networks that were used.
        timings: Wall seconds per stage.
    """

    image: Volume
    semantic: Volume
    labeling: Labeling | None
    models: tuple[ModelIdentity, ...]
    timings: dict[str, float]


Outcome = SpineResult | InputError
"""What was found in one series of several, or why it cannot be used."""
