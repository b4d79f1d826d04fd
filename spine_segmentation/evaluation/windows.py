"""Windows of consecutive vertebrae: a labelled scan cut as a scanner with a smaller field of view would."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Self

import numpy as np
from scipy import ndimage

from spine_segmentation.anatomy import BY_ID, BY_NAME, LEVELS, SACRUM_BELOW_S1, Kind, disc_name
from spine_segmentation.evaluation.truth import UNKNOWN, scored_ids
from spine_segmentation.volume import Array, Volume

LEAST_VISIBLE = 2
"""Fewest vertebrae of a window: a single one has no neighbour."""

_ABSENT_BETWEEN = ("T11-L1", "L4-S1")
"""Discs of columns without T12 or L5. Where a mask does not label them, the vertebra between may just be unlabelled."""


@dataclass(frozen=True)
class Window:
    """A field of view in which so many consecutive vertebrae are whole, and no others.

    The image is cut between two rows of the canonical orientation. Either cut may lie anywhere between the end
    vertebra and the far end of its neighbour, so that the neighbour is cut or out of view.

    Attributes:
        vertebrae: Names, top to bottom.
        first_rows: Where the field of view may begin.
        end_rows: Where it may end; the row given is the first one outside.
        reaches_sacrum: Whether the lowest lumbar vertebra or S1 is in it.
    """

    vertebrae: tuple[str, ...]
    first_rows: range
    end_rows: range
    reaches_sacrum: bool

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the vertebrae and of the discs between them, top to bottom."""
        between = [name for pair in pairwise(self.vertebrae) for name in (pair[0], disc_name(*pair))]
        return (*between, self.vertebrae[-1])

    def draw_rows(self, random: np.random.Generator) -> tuple[int, int]:
        """Draw the cuts, each anywhere with the same probability.

        Args:
            random: Source of chance.

        Returns:
            First row, and the first one after the last.
        """
        return int(random.choice(self.first_rows)), int(random.choice(self.end_rows))


@dataclass(frozen=True)
class _Body:
    """Rows of a labelled vertebra, and whether the image's border leaves it whole."""

    name: str
    top: int
    bottom: int
    whole: bool

    @classmethod
    def of(cls, identifier: int, place: tuple[slice, ...], shape: tuple[int, ...]) -> Self:
        return cls(BY_ID[identifier].name, place[1].start, place[1].stop - 1, is_whole(place, shape))


def list_windows(truth: Volume, visible: Collection[int]) -> list[Window]:
    """Find every window of a labelled scan.

    Args:
        truth: Structure ids in canonical orientation, from ``read_truth``.
        visible: Wanted numbers of vertebrae, each at least ``LEAST_VISIBLE``.

    Returns:
        By number of vertebrae, then from top to bottom. Where the truth labels no neighbour, it is taken to lie one
        vertebral spacing further; above C2 and below S1 the field of view may reach to the end of the image.
    """
    labelled = {BY_ID[identifier].name for identifier in scored_ids(truth.array)}
    bodies = _bodies(truth)
    windows = []
    for count in sorted(visible):
        for first in range(len(bodies) - count + 1):
            chosen = bodies[first : first + count]
            unbroken = all(_are_neighbours(*pair, labelled) for pair in pairwise(chosen))
            if unbroken and all(body.whole for body in chosen):
                above = [body for body in bodies[:first][-1:] if _are_neighbours(body, chosen[0], labelled)]
                below = [body for body in bodies[first + count :][:1] if _are_neighbours(chosen[-1], body, labelled)]
                windows.append(_window(chosen, above, below, truth.shape[1]))
    return [window for window in windows if window.first_rows and window.end_rows]


def choose_windows(windows: Sequence[Window], most: int, random: np.random.Generator) -> list[Window]:
    """Draw windows, as evenly over the numbers of vertebrae as there are any.

    Args:
        windows: Of one scan.
        most: How many to keep.
        random: Source of chance.

    Returns:
        At most so many.
    """
    shuffled = [windows[k] for k in random.permutation(len(windows))]
    counts = dict.fromkeys(len(window.vertebrae) for window in shuffled)
    groups = [[window for window in shuffled if len(window.vertebrae) == count] for count in counts]
    turns = zip_longest(*groups)
    return [window for turn in turns for window in turn if window is not None][:most]


def crop_rows(volume: Volume, rows: tuple[int, int]) -> Volume:
    """Cut a volume between two rows; what is left keeps its place in the patient.

    Args:
        volume: Shape (slices, rows, columns).
        rows: First row, and the first one after the last.

    Returns:
        The rows, a view of the array, with an affine of their own.

    Raises:
        InvalidVolume: If there is no row between them.
    """
    affine = volume.affine.copy()
    affine[:3, 3] = volume.to_patient((0, rows[0], 0))
    return Volume(volume.array[:, rows[0] : rows[1]], affine)


def required_truth(truth: Volume, window: Window) -> Volume:
    """Keep of a cropped truth what a window requires; whatever else is labelled there becomes unknown.

    Required are the window's vertebrae and the discs between them. Cut neighbours and the discs beyond the end
    vertebrae are in view, but not scored.

    Args:
        truth: Structure ids within the field of view.
        window: The window.

    Returns:
        Structure ids and ``UNKNOWN``; with S1, what lies below it stays labelled.
    """
    kept = [0, *(BY_NAME[name].id for name in window.structures)]
    kept += [SACRUM_BELOW_S1] if window.vertebrae[-1] == "S1" else []
    table: Array = np.full(256, UNKNOWN, np.uint8)
    table[kept] = kept
    return truth.with_array(table[truth.array])


def is_whole(place: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    """Tell whether the image shows the whole of a structure: whether it stays off the first and last row and column.

    Args:
        place: Bounding box of the structure, in canonical orientation.
        shape: (slices, rows, columns) of the image.

    Returns:
        True if rows and columns of the box lie inside the image; slices do not count.
    """
    return all(side.start > 0 and side.stop < size for side, size in zip(place[1:], shape[1:], strict=True))


def _bodies(truth: Volume) -> list[_Body]:
    """Labelled vertebrae, top to bottom."""
    places = ndimage.find_objects(truth.array)
    vertebrae = [k for k in scored_ids(truth.array) if BY_ID[k].kind is Kind.VERTEBRA]
    bodies = [_Body.of(k, places[k - 1], truth.shape) for k in vertebrae]
    return sorted(bodies, key=lambda body: LEVELS.index(body.name))


def _are_neighbours(upper: _Body, lower: _Body, labelled: Collection[str]) -> bool:
    """Tell whether no vertebra lies between the two."""
    disc = disc_name(upper.name, lower.name)
    return disc in labelled or (disc in BY_NAME and disc not in _ABSENT_BETWEEN)


def _window(chosen: Sequence[_Body], above: Sequence[_Body], below: Sequence[_Body], rows: int) -> Window:
    """Lay a window over bodies; ``above`` and ``below`` hold the neighbour, if it is labelled."""
    top, bottom = chosen[0], chosen[-1]
    neighbour_top = 2 * top.top - chosen[1].top
    neighbour_bottom = 2 * bottom.bottom - chosen[-2].bottom
    if above:
        neighbour_top = above[0].top
    elif top.name == "C2":
        neighbour_top = -1
    if below:
        neighbour_bottom = below[0].bottom
    elif bottom.name == "S1":
        neighbour_bottom = rows
    lowest = below[0].name == "S1" if below else bottom.name in ("L5", "L6")
    return Window(
        tuple(body.name for body in chosen),
        range(max(0, neighbour_top + 1), top.top),
        range(bottom.bottom + 2, min(rows, neighbour_bottom) + 1),
        reaches_sacrum=bottom.name == "S1" or lowest,
    )
