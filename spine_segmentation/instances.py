"""Stage 2, the instance splitter: semantic map to separate vertebrae and discs, top to bottom."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BACKGROUND, IVD, SACRUM_BELOW_S1, VERTEBRA, Kind
from spine_segmentation.errors import InvalidVolume
from spine_segmentation.results import Instance, Instances
from spine_segmentation.shown import Shown
from spine_segmentation.splitting.bodies import EXTENT_PERCENTILES, Piece, cut_fused, join_fragments
from spine_segmentation.splitting.column import Column
from spine_segmentation.splitting.cutting import Plane, bone_share, count_planes_above, fit_plane
from spine_segmentation.splitting.foreground import Voxels, find_spine
from spine_segmentation.splitting.lateral import within_width
from spine_segmentation.splitting.sacrum import mark_above_sacrum
from spine_segmentation.splitting.topmost import without_lateral_masses, without_loose_pieces
from spine_segmentation.splitting.true_discs import are_true
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)

MIN_BODY_VOLUME_MM3 = 100.0
"""Smaller pieces are no bodies: half a cervical body (15 x 13 mm) in a single slice of 1 mm."""

MIN_DISC_VOLUME_MM3 = 30.0
"""Smaller pieces are no discs: half a cervical disc (15 x 4 mm) in a single slice of 1 mm."""

MIN_DISC_THICKNESS_MM = 0.3
"""A disc would fill the column's mean cross-section to at least this height; a tenth of a narrowed disc (3 mm)."""

SAME_DISC_MM = 7.0
"""Pieces of disc closer than this along the column are one disc: just under half the least distance of two discs in
an adult (C5-C6, 16.5 mm, standard deviation 1.4)."""

SAME_DISC_PER_DEPTH = 0.4
"""The same per depth of the column, which is less in a small child. A level is as high as the column is deep, give or
take a tenth (generator's table of measured bodies), and C5-C6 half as high as the lumbar column is deep."""

SLIVER_SHARE = 0.2
"""A piece that a plane cuts off a body is given back to it if smaller than this share of it, and if the space it was
cut off into has a larger piece of its own."""

CUT_HEIGHT_RATIO = 0.6
"""The first or last body counts as cut by the field of view if lower than this share of the body next to it."""


def split_instances(semantic: Volume, image: Volume | None = None) -> Instances:
    """Separate the vertebrae and discs of a semantic map.

    Works for any number of structures, from none, and on fragments. Stray islands are dropped, and so is "S2 and
    below", but the vertebra above it is marked. A structure is not fully visible where it touches the first or last row
    or column that the image shows; the first and last sagittal slice do not count, since they nearly always cut:
    ``reaches_outer_slice`` tells of them.

    Args:
        semantic: uint8, shape (slices, rows, columns), 0 background, 1 vertebra, 2 IVD, 60 S2 and below; any
            orientation of sagittal slices.
        image: The MR image on the same grid, whose blank margins are out of view; None if all of the grid is in view.

    Returns:
        The structures from top to bottom, and their labels on the grid of ``semantic``.

    Raises:
        InvalidVolume: If the array is not uint8 or has other values.
        UnsupportedOrientation: If the slices are thick and not sagittal.
    """
    _check(semantic)
    canonical, reorientation = semantic.canonical()
    labels = np.zeros(canonical.shape, dtype=np.uint16)
    spine = find_spine(canonical)
    shown = Shown.whole(semantic) if image is None else Shown.by(image)
    items: tuple[Instance, ...] = ()
    if spine is not None:
        items = _separate(*spine, canonical.voxel_volume, shown, labels)
        items = mark_above_sacrum(items, labels, canonical, spine[1])
    logger.debug("%d structures", len(items))
    return Instances(semantic.with_array(np.ascontiguousarray(reorientation.undo(labels))), items, shown)


def _check(semantic: Volume) -> None:
    allowed = np.isin(np.arange(256), (BACKGROUND, VERTEBRA, IVD, SACRUM_BELOW_S1))
    if semantic.array.dtype != np.uint8 or not allowed[semantic.array].all():
        raise InvalidVolume(
            f"a map of {semantic.array.dtype} with values up to {semantic.array.max()}",
            expected=f"a uint8 semantic map of the values {np.flatnonzero(allowed).tolist()}",
            remedy="pass the semantic map of the segmenter, not an image or instance labels",
        )


def _separate(
    voxels: Voxels, column: Column, voxel_volume: float, shown: Shown, labels: npt.NDArray[np.uint16]
) -> tuple[Instance, ...]:
    """Write the labels of all structures into ``labels`` and describe them."""
    bone, cartilage = voxels.select(voxels.semantic == VERTEBRA), voxels.select(voxels.semantic == IVD)
    discs = _find_discs(voxels, cartilage, column, voxel_volume)
    discs, planes = _true_discs(discs, bone, cartilage, column, shown)
    bodies = without_loose_pieces(_find_bodies(bone, column, planes, voxel_volume))
    bodies = without_lateral_masses(bodies, bone.points, column)
    structures = [(Kind.IVD, cartilage, disc) for disc in discs]
    structures += [(Kind.VERTEBRA, bone, body.members) for body in bodies]
    structures = [(kind, source, _narrow(source.points, members, column)) for kind, source, members in structures]
    centroids = np.array([source.points[members].mean(axis=0, dtype=np.float64) for _, source, members in structures])
    positions = column.coordinates(centroids.reshape(-1, 3))[:, 0]
    cut = _cut_ends(bodies)
    items = []
    for label, k in enumerate(np.argsort(positions, kind="stable"), start=1):
        kind, source, members = structures[k]
        indices = source.indices[members]
        labels[tuple(indices.T)] = label
        visible = not shown.cuts(indices[:, 1:]) and k - len(discs) not in cut
        x, y, z = centroids[k].tolist()
        volume = len(members) * voxel_volume
        outer = bool(np.isin(indices[:, 0], (0, len(labels) - 1)).any())
        item = Instance(label, kind, float(positions[k]), (x, y, z), volume, visible, reaches_outer_slice=outer)
        items.append(item)
    return tuple(items)


def _narrow(points: npt.NDArray[np.float32], members: npt.NDArray[np.intp], column: Column) -> npt.NDArray[np.intp]:
    """Leave out what lies too far to the sides."""
    _, left, posterior = column.frame(points[members].mean(axis=0))
    return members[within_width(points[members], left, posterior)]


def _find_discs(spine: Voxels, cartilage: Voxels, column: Column, voxel_volume: float) -> list[npt.NDArray[np.intp]]:
    """Voxel numbers of every disc, top to bottom: connected parts, joined where they lie at the same height."""
    same = min(SAME_DISC_MM, SAME_DISC_PER_DEPTH * _depth(spine.points, column))
    parts = _members(cartilage.parts)
    arcs = column.coordinates(np.array([cartilage.points[part].mean(axis=0) for part in parts]).reshape(-1, 3))[:, 0]
    discs: list[tuple[float, list[npt.NDArray[np.intp]]]] = []
    for k in sorted(range(len(parts)), key=lambda k: -len(parts[k])):
        host = min(discs, key=lambda disc: abs(disc[0] - arcs[k]), default=None)
        if host is not None and abs(host[0] - arcs[k]) < same:
            host[1].append(parts[k])
        else:
            discs.append((float(arcs[k]), [parts[k]]))
    area = len(spine.points) * voxel_volume / max(column.length, SAME_DISC_MM)
    least = max(MIN_DISC_VOLUME_MM3, MIN_DISC_THICKNESS_MM * area) / voxel_volume
    joined = [np.concatenate(members) for _, members in sorted(discs, key=lambda disc: disc[0])]
    return [members for members in joined if len(members) >= least]


def _depth(points: npt.NDArray[np.float32], column: Column) -> float:
    """Extent of the column from front to back, mm."""
    front, back = np.percentile(column.coordinates(points[:: max(1, len(points) // 5000)])[:, 2], EXTENT_PERCENTILES)
    return float(back - front)


def _width(points: npt.NDArray[np.float32], column: Column) -> float:
    """Extent of a disc from right to left, mm."""
    _, left, _ = column.frame(points.mean(axis=0)).astype(np.float32)
    low, high = np.percentile(points @ left, EXTENT_PERCENTILES)
    return float(high - low)


def _true_discs(
    discs: list[npt.NDArray[np.intp]], bone: Voxels, cartilage: Voxels, column: Column, shown: Shown
) -> tuple[list[npt.NDArray[np.intp]], list[Plane]]:
    """The true ones among the discs found (voxel numbers), and their planes."""
    planes = [_plane(cartilage.points[disc], column) for disc in discs]
    points = np.array([plane.point for plane in planes]).reshape(-1, 3)
    shares = [bone_share(p, bone.points, cartilage.points[disc]) for p, disc in zip(planes, discs, strict=True)]
    cut = [shown.cuts(cartilage.indices[disc][:, 1:]) for disc in discs]
    volumes = np.where(cut, np.nan, [len(disc) for disc in discs])
    widths = np.array([_width(cartilage.points[disc], column) for disc in discs])
    true = np.flatnonzero(are_true(column.coordinates(points)[:, 0], np.array(shares), volumes, widths))
    return [discs[k] for k in true], [planes[k] for k in true]


def _members(keys: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """For every key that occurs, in ascending order, where it occurs."""
    order, counts = np.argsort(keys, kind="stable"), np.bincount(keys)
    groups = np.split(order, np.cumsum(counts)[:-1]) if len(keys) else []
    return [group for group in groups if len(group)]


def _plane(points: npt.NDArray[np.float32], column: Column) -> Plane:
    return fit_plane(points, column.frame(points.mean(axis=0))[0])


def _find_bodies(bone: Voxels, column: Column, planes: Sequence[Plane], voxel_volume: float) -> list[Piece]:
    """Vertebral bodies, top to bottom."""
    spaces = _return_slivers(count_planes_above(bone.points, planes), bone.parts)
    bodies: list[Piece] = []
    for space in _members(spaces):
        topmost, lowest = bool(spaces[space[0]] == 0), bool(spaces[space[0]] == len(planes))
        parts = [space[part] for part in _members(bone.parts[space])]
        bodies += join_fragments([_piece(part, bone.points[part], column, topmost, lowest) for part in parts])
    bodies = [body for body in bodies if len(body.members) * voxel_volume >= MIN_BODY_VOLUME_MM3]
    neighbours = [bodies[max(0, k - 1) : k] + bodies[k + 1 : k + 2] for k in range(len(bodies))]
    return [part for body, beside in zip(bodies, neighbours, strict=True) for part in cut_fused(body, beside)]


def _piece(
    members: npt.NDArray[np.intp], points: npt.NDArray[np.float32], column: Column, topmost: bool, lowest: bool
) -> Piece:
    """Measure a piece in the frame of the column at its centre."""
    centre = points.mean(axis=0, dtype=np.float64)
    down, _, posterior = column.frame(centre).astype(np.float32)
    arc = column.coordinates(centre[None])[0, 0]
    front, back = np.percentile(points @ posterior, EXTENT_PERCENTILES)
    return Piece(members, (points - centre.astype(np.float32)) @ down + arc, float(back - front), topmost, lowest)


def _return_slivers(spaces: npt.NDArray[np.intp], parts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Give what a plane shaved off a body back to it.

    Args:
        spaces: Shape (n,), number of the space between two discs that each voxel lies in.
        parts: Shape (n,), number of its connected component.

    Returns:
        Shape (n,), the corrected numbers of the spaces.
    """
    sizes = np.zeros((int(spaces.max(initial=0)) + 3, int(parts.max(initial=0)) + 1), dtype=np.intp)
    np.add.at(sizes, (spaces + 1, parts), 1)
    above, below, largest = sizes[:-2], sizes[2:], sizes[1:-1].max(axis=1, keepdims=True)
    neighbour, own = np.maximum(above, below), sizes[1:-1]
    sliver = (own < SLIVER_SHARE * neighbour) & (own < largest)
    shift = np.where(sliver, np.where(above > below, -1, 1), 0)
    return spaces + shift[spaces, parts]


def _cut_ends(bodies: Sequence[Piece]) -> set[int]:
    """Numbers of the first and last body where they are much lower than the body next to them."""
    ends = ((0, 1), (len(bodies) - 1, len(bodies) - 2)) if len(bodies) > 1 else ()
    return {end for end, inner in ends if bodies[end].height < CUT_HEIGHT_RATIO * bodies[inner].height}
