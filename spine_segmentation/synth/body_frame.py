"""Where voxels lie relative to the body of their level."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.endplates import EndplateShapes
from spine_segmentation.synth.profiles import lookup, per_level
from spine_segmentation.synth.tissues import TissueMap

_LEAST_HALF_HEIGHT = 1.5
"""However deformed, a body keeps this distance between its middle and an endplate, mm."""

_BULGE_ABOVE_MIDDLE = 0.3
"""Place of the greatest retropulsion above mid-height, relative to half the height."""

_MEAN_SQUARE = 1 / 3
"""Of the height, from -1 to 1: a waist leaves the mean diameter as it is."""

_LARGEST_OVERHANG = 1.4
"""Largest radius of a body with its osteophytes relative to its mean radius: 0.22 for a waist's rim, 0.13 for spurs
where the rim is not yet rounded off, 0.05 for taper."""

_ABOVE_DENS_MM = -30.0
"""Arc length above which nothing of the column lies."""

_LEVEL_FIELDS = [field.name for field in fields(BodyShapes) if field.name not in ("endplates", "course")]
_ENDPLATE_FIELDS = [field.name for field in fields(EndplateShapes)]


@dataclass(frozen=True)
class BodyFrame:
    """Where voxels lie relative to the body of their level; in discs, to the mean of both neighbours.

    Attributes:
        behind: Distance behind the body's centre, mm, (H, W).
        half_depth: Half the anteroposterior diameter of the body, mm, (H, W).
        lateral: Squared lateral distance relative to the half width, (N, H, W).
        radius: Squared distance from the axis relative to the outline of the endplates' rims, (N, H, W).
        inside: Whether they are in the body, bool, (N, H, W).
        centre: Arc length of the body's middle, mm, (H, W).
        endplate: Position of the nearest endplate among upper and lower ones in turn, int64, (H, W).
    """

    behind: Tensor
    half_depth: Tensor
    lateral: Tensor
    radius: Tensor
    inside: Tensor
    centre: Tensor
    endplate: Tensor

    @property
    def disc(self) -> Tensor:
        """Position in the column of the level whose disc is nearest, -1 for above C2, int64, (H, W)."""
        return (self.endplate - 1) >> 1


def near_bodies(at: Coordinates, shapes: BodyShapes, margin: float) -> Tensor:
    """Find the pixels that bodies and discs may reach.

    Args:
        at: Coordinates of the grid.
        shapes: From :func:`~spine_segmentation.synth.bodies.draw_bodies`.
        margin: How far what lies in front or behind of them may reach, mm.

    Returns:
        bool, (H, W).
    """
    shift, half_depth, _ = lookup(shapes.course, at.axial)
    near: Tensor = (at.d - shift).abs() < half_depth * _LARGEST_OVERHANG + margin
    return near & (at.axial > _ABOVE_DENS_MM)


def body_frame(tissues: TissueMap, at: Coordinates, shapes: BodyShapes) -> BodyFrame:
    """Compute the bodies on a grid, and note the height between the endplates in the tissue map.

    Args:
        tissues: Whose ``height`` is set.
        at: Coordinates of the grid.
        shapes: From :func:`~spine_segmentation.synth.bodies.draw_bodies`.

    Returns:
        Where the voxels lie relative to the bodies.
    """
    centre = per_level(shapes.centre, at.territory)
    endplate = 2 * at.territory + (at.axial > centre)
    here = _read(shapes, endplate)
    shift, half_depth, half_width = lookup(shapes.course, at.axial)
    behind = at.d - shift
    aside = at.x / half_width
    lateral = aside * aside
    radius = _radius(here, at, behind, half_depth, lateral)
    half_height = here["half_height"] - _lost_height(here, at, behind / half_depth, aside, radius)
    height = (at.axial - centre) / half_height.clamp_(min=_LEAST_HALF_HEIGHT)
    tissues.height.copy_(height)
    square = height * height
    eighth = (square * square) ** 2
    wall = _wall(here, behind < 0, lateral, height, square, eighth)
    relative = radius / (wall * wall)
    relative *= relative
    inside = relative * relative + eighth * eighth * square < 1
    inside &= (at.axial > -1) | (at.territory > 0)
    return BodyFrame(behind, half_depth, lateral, radius, inside, centre, endplate)


def _read(shapes: BodyShapes, index: Tensor) -> dict[str, Tensor]:
    """Every shape parameter at every pixel by the position of the nearest endplate, (H, W)."""
    rows = [np.repeat(getattr(shapes, name), 2) for name in _LEVEL_FIELDS]
    rows += [getattr(shapes.endplates, name) for name in _ENDPLATE_FIELDS]
    values = per_level(np.stack(rows), index)
    return dict(zip(_LEVEL_FIELDS + _ENDPLATE_FIELDS, values, strict=True))


def _radius(here: dict[str, Tensor], at: Coordinates, behind: Tensor, half_depth: Tensor, lateral: Tensor) -> Tensor:
    """Squared distance from the axis relative to the outline seen from above, (N, H, W)."""
    beyond = behind - here["widest"] * half_depth
    front = beyond < 0
    rough_height = (at.axial - here["centre"]) / here["half_height"]
    bulge = here["retropulsion"] * (1 - (rough_height + _BULGE_ABOVE_MIDDLE) ** 2).clamp_(min=0)
    beyond = torch.where(front, beyond, (beyond - bulge).clamp_(min=0))
    half = half_depth * torch.where(front, 1 + here["widest"], 1 - here["widest"])
    square = torch.where(front, here["anterior_squareness"], here["posterior_squareness"])
    hollow = torch.where(front, 0.0, here["posterior_hollow"])
    sides = (1 - square * lateral) * (1 - hollow * lateral)
    return lateral + (beyond / half) ** 2 * sides.clamp_(min=0)


def _lost_height(here: dict[str, Tensor], at: Coordinates, place: Tensor, aside: Tensor, radius: Tensor) -> Tensor:
    """How much nearer to the body's middle than its rim an endplate is, mm, (N, H, W)."""
    middle = place.clamp(-1, 1)
    hollow = here["concavity"] * (1 + here["skew"] * middle)
    lost = hollow * (1 - radius).clamp_(min=0) + here["wedge"] * (0.5 - 0.5 * middle)
    lost += 0.5 * (here["tilt"].abs() + here["tilt"] * aside.clamp(-1, 1))
    lost -= here["uncinate"] * (aside * aside).clamp_(max=1) ** 2
    off_node = (place * here["half_depth"] - here["node_behind"]) ** 2 + (at.x - here["node_aside"]) ** 2
    return lost + here["node_depth"] * (1 - off_node / here["node_radius"] ** 2).clamp_(min=0)


def _wall(
    here: dict[str, Tensor], front: Tensor, lateral: Tensor, height: Tensor, square: Tensor, eighth: Tensor
) -> Tensor:
    """Relative radius of the body by height, 1 in the mean: waisted, with spurs at the rims; (N, H, W)."""
    behind_waist = torch.where(front, here["anterior_waist"], here["posterior_waist"])
    waist = behind_waist + (here["anterior_waist"] - behind_waist) * lateral.clamp(max=1) ** 2
    spurs = torch.where(front, here["anterior_spurs"], here["posterior_spurs"])
    return 1 + waist * (square - _MEAN_SQUARE) + spurs * eighth.clamp(max=1) + here["taper"] * height
