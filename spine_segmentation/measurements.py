"""Heights and depths of vertebral bodies and discs, from the middle of each structure and in its own frame.

The endplates' direction comes from the structure's own voxels: the plane midway between the endplates, fitted to the
part between the walls, each slice by itself, so that few slices do as well as many. Lengths are areas of narrow windows
divided by the windows' widths, and areas are counted voxels (Gundersen and Jensen 1987, J Microsc 147:229). Counting is
unbiased below the size of a pixel as long as the windows have no sharp edges: they are Gaussian. The heights are the
three of vertebral morphometry (Eastell et al. 1991, J Bone Miner Res 6:207). Where endplates run exactly along the
pixels, the pixel is the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.anatomy import Kind
from spine_segmentation.results import Labeling, NamedStructure
from spine_segmentation.volume import Volume

Vector = npt.NDArray[np.float64]


class Length(StrEnum):
    """What is measured."""

    ANTERIOR_HEIGHT = "anterior_height"
    MIDDLE_HEIGHT = "middle_height"
    POSTERIOR_HEIGHT = "posterior_height"
    DEPTH = "depth"
    DISC_HEIGHT = "disc_height"


UNMEASURED_VERTEBRAE = frozenset({"C2", "S1"})
"""The dens has no upper, the sacrum no lower endplate."""

MID_SAGITTAL_MM = 5.0
"""Slices up to this far from the centre are measured together, and always at least one: about the middle quarter of a
lumbar body."""

RIM_SHARE = 1 / 8
"""Anterior and posterior heights are taken at this share of the depth from the walls, inside the rounded rims."""

_RIM_WINDOW, _MIDDLE_WINDOW, _DEPTH_WINDOW = RIM_SHARE / 3, 1 / 12, 1 / 10
"""Standard deviations of the windows: for the outer heights, which end at the wall after three of them, and for the
middle one, as shares of the depth; for the depth as a share of the height, well away from the endplates."""

_DIRECTION_WINDOWS = np.array([1 / 12, 1 / 6])
"""Standard deviations of the window in which the direction is fitted, as shares of width and depth. From front to back
it ends, after three of them, at the walls; across the slices earlier, where side walls that are tilted against the
slices do not cut the lines between the endplates yet."""

_ITERATIONS = 6
"""Rounds of fitting the direction; it moves by less than a tenth of a degree in the last."""

_LEAST_EXTENT_MM = 1e-3
"""Keeps the window of a single slice from having no width."""

_LEAST_SINGULAR_VALUE = 1e-6
"""Share of the greatest one below which the slices count as one, in which no tilt to the side can be seen."""

_LEAST_DESCENT = 0.1
"""Neighbours lie side by side, and say nothing, if one is lower than the other by less than this share of their
distance."""

_MAX_TILT_DEGREES = 40.0
"""An own direction further than this from the line to the neighbours is none."""

_MIN_POINTS, _MIN_PIXELS = 20, 3.0
"""Fewer voxels, or a length of fewer pixels, cannot be measured."""


def measure(labeling: Labeling) -> dict[int, dict[Length, float]]:
    """Measure every structure that allows it.

    Vertebral bodies have three heights and a depth (anterior to posterior, at mid-height). Discs have one height: area
    divided by depth, which for a wedge is the mean of the anterior and the posterior height. Not measured are
    structures that the field of view cuts, C2 and S1 or what may be one of them, and structures without a neighbour,
    whose direction nothing confirms.

    Args:
        labeling: Named structures with their label map.

    Returns:
        Lengths in mm by structure id; a structure that cannot be measured is absent.
    """
    grid, _ = labeling.labels.canonical()
    boxes = ndimage.find_objects(grid.array)
    inferior = grid.affine[:3, 1] / grid.spacing[1]
    measured = {}
    for k, structure in enumerate(labeling.structures):
        direction = _line_through(labeling.structures[max(0, k - 1) : k + 2], inferior)
        if direction is None or not _is_measurable(structure) or structure.id > len(boxes):
            continue
        section = _Section.of(structure.id, boxes[structure.id - 1], grid, direction)
        lengths = section and (section.body() if structure.kind is Kind.VERTEBRA else section.disc())
        if lengths:
            measured[structure.id] = lengths
    return measured


def _is_measurable(structure: NamedStructure) -> bool:
    names = {structure.name} if structure.name else {structure.best_name, structure.runner_up}
    return structure.instance.fully_visible and not names & UNMEASURED_VERTEBRAE


def _line_through(structures: Sequence[NamedStructure], inferior: Vector) -> Vector | None:
    """Unit vector from the first of neighbouring structures to the last; None if that does not lead down."""
    line = np.subtract(structures[-1].instance.centroid, structures[0].instance.centroid)
    length = float(np.linalg.norm(line))
    return line / length if line @ inferior > _LEAST_DESCENT * length else None


@dataclass(frozen=True)
class _Section:
    """The middle of one structure.

    Attributes:
        down: Shape (n,), mm from the plane midway between the endplates, growing downwards.
        back: Shape (n,), mm from the centre, growing to posterior.
        area: What one voxel stands for, mm2, averaged over the slices.
        pixel: Side of a pixel, mm.
    """

    down: Vector
    back: Vector
    area: float
    pixel: float

    @classmethod
    def of(cls, label: int, box: tuple[slice, ...] | None, grid: Volume, direction: Vector) -> _Section | None:
        """Cut out the middle of a structure; None if there is too little of it, or its direction is implausible."""
        if box is None:
            return None
        indices = np.argwhere(grid.array[box] == label)
        points = grid.to_patient(indices + [part.start for part in box])
        middle = _middle_slices(indices[:, 0], grid.spacing[0])
        if np.count_nonzero(middle) < _MIN_POINTS:
            return None
        points -= points[middle].mean(axis=0)
        normal = np.cross(grid.affine[:3, 1], grid.affine[:3, 2])  # as long as the area of a pixel
        own, height = _own_direction(points, direction, normal / np.linalg.norm(normal))
        if own @ direction < np.cos(np.radians(_MAX_TILT_DEGREES)):
            return None
        left, posterior = _across(own, grid.affine[:3, 2])
        return cls(
            down=points[middle] @ own - height,
            back=points[middle] @ posterior,
            area=abs(float(normal @ left)) / len(np.unique(indices[middle, 0])),
            pixel=float(np.sqrt(np.linalg.norm(normal))),
        )

    def body(self) -> dict[Length, float]:
        """Measure a vertebral body; empty if it is too small."""
        depth, centre = self._depth()
        rim, narrow = (0.5 - RIM_SHARE) * depth, _RIM_WINDOW * depth
        heights = {
            Length.ANTERIOR_HEIGHT: self._height(centre - rim, narrow),
            Length.MIDDLE_HEIGHT: self._height(centre, _MIDDLE_WINDOW * depth),
            Length.POSTERIOR_HEIGHT: self._height(centre + rim, narrow),
        }
        return self._checked({**heights, Length.DEPTH: depth})

    def disc(self) -> dict[Length, float]:
        """Measure a disc; empty if it is too small."""
        depth, _ = self._depth()
        return self._checked({Length.DISC_HEIGHT: len(self.back) * self.area / depth})

    def _depth(self) -> tuple[float, float]:
        """Distance between the walls at mid-height, and the place midway between them."""
        spread = _DEPTH_WINDOW * float(_extent_of(self.down))
        weights = _window(self.down, 0.0, spread)
        return self.area * float(weights.sum()), float(weights @ self.back / weights.sum())

    def _height(self, place: float, spread: float) -> float:
        """Height at one place between the walls."""
        return self.area * float(_window(self.back, place, spread).sum())

    def _checked(self, lengths: dict[Length, float]) -> dict[Length, float]:
        return lengths if min(lengths.values()) >= _MIN_PIXELS * self.pixel else {}


def _middle_slices(slices: npt.NDArray[np.intp], spacing: float) -> npt.NDArray[np.bool_]:
    """Tell which voxels lie in the slices near the centre."""
    distances = np.abs(slices - slices.mean()) * spacing
    near: npt.NDArray[np.bool_] = distances <= max(MID_SAGITTAL_MM, float(distances.min()))
    return near


def _own_direction(points: Vector, direction: Vector, normal: Vector) -> tuple[Vector, float]:
    """Find the normal of the plane midway between the endplates, and how far along it that plane lies.

    The height within each slice is regressed on the slice's place and the place from front to back: the lines between
    the endplates stay in their slices, and the outermost slices cut none.
    """
    for _ in range(_ITERATIONS):
        down = direction - (direction @ normal) * normal
        down /= np.linalg.norm(down)
        axes = np.stack([normal, np.cross(normal, down)])
        across = points @ axes.T
        weights = np.prod(_window(across, across.mean(axis=0), _DIRECTION_WINDOWS * _extent_of(across)), axis=1)
        roots = np.sqrt(weights / weights.max())
        terms = np.column_stack([across, np.ones(len(points))]) * roots[:, None]
        slopes = np.linalg.lstsq(terms, (points @ down) * roots, rcond=_LEAST_SINGULAR_VALUE)[0][:2]
        direction = down - slopes @ axes
        direction /= np.linalg.norm(direction)
    return direction, float(weights @ points @ direction / weights.sum())


def _across(down: Vector, columns: Vector) -> tuple[Vector, Vector]:
    """Directions to the left and to posterior, where the columns lead, at right angles to the own one."""
    posterior = columns - (columns @ down) * down
    posterior /= np.linalg.norm(posterior)
    return np.cross(down, posterior), posterior


def _extent_of(coordinates: Vector) -> Vector:
    """Extent of evenly spread points along each coordinate."""
    extent: Vector = np.sqrt(12.0) * np.std(coordinates, axis=0) + _LEAST_EXTENT_MM
    return extent


def _window(coordinate: Vector, place: float | Vector, spread: float | Vector) -> Vector:
    """Normal density of each point about a place; 1/mm."""
    window: Vector = np.exp(-0.5 * ((coordinate - place) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    return window
