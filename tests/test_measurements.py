"""Blocks with known heights, tilted in any way and in few slices: what is measured is right to half a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.measurements import RIM_SHARE, Length, measure
from spine_segmentation.results import Instance, Labeling, NamedStructure
from spine_segmentation.volume import Volume
from tests import phantoms

NEIGHBOUR_MM = 30.0
STANDING = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
"""Down, left and posterior of an upright patient, as columns."""


@dataclass(frozen=True)
class Block:
    """A body or disc with flat endplates; mm."""

    anterior: float
    posterior: float
    depth: float
    width: float = 24.0

    def height(self, share: float) -> float:
        """At a share of the depth from the anterior wall."""
        return self.anterior + (self.posterior - self.anterior) * share

    def contains(self, places: np.ndarray) -> np.ndarray:
        down, left, back = np.moveaxis(places, -1, 0)
        height = self.height(back / self.depth + 0.5)
        return (np.abs(down) < height / 2) & (np.abs(back) < self.depth / 2) & (np.abs(left) < self.width / 2)


def grid(pixel: float = 0.7, spacing: float = 4.0, slices: int | None = None, turn: Rotation | None = None) -> Volume:
    shape = slices or int(36 / spacing), int(56 / pixel), int(56 / pixel)
    upright = Volume.from_axes(np.zeros(shape, np.uint8), "LIP", (spacing, pixel, pixel))
    affine = upright.affine.copy()
    if turn is not None:
        affine[:3, :3] = turn.as_matrix() @ affine[:3, :3]
    return Volume(upright.array, affine)


def tilted(sagittal: float, coronal: float) -> np.ndarray:
    """Down, left and posterior, as columns; degrees."""
    down = Rotation.from_euler("xy", [sagittal, coronal], degrees=True).apply(STANDING[:, 0])
    posterior = np.array([0.0, 1.0, 0.0]) - down[1] * down
    posterior /= np.linalg.norm(posterior)
    return np.stack([down, np.cross(down, posterior), posterior], axis=1)


def named(name: str, centre: np.ndarray, label: int = 1, *, fully_visible: bool = True) -> NamedStructure:
    kind = BY_NAME[name].kind
    x, y, z = (float(value) for value in centre)
    instance = Instance(label, kind, 0.0, (x, y, z), 1000.0, fully_visible)
    return NamedStructure(BY_NAME[name].id, name, name, kind, 0.9, None, 0.0, instance)


def labelled(block: Block, volume: Volume, frame: np.ndarray, name: str = "L3", lean: float = 0.0) -> Labeling:
    """A block between two neighbours; the line through them leans against it, degrees."""
    centre = volume.to_patient((np.array(volume.shape) - 1) / 2)
    indices = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), axis=-1)
    inside = block.contains((volume.to_patient(indices) - centre) @ frame)
    labels = np.where(inside, BY_NAME[name].id, 0).astype(np.uint8)
    line = NEIGHBOUR_MM * Rotation.from_rotvec(np.radians(lean) * frame[:, 1]).apply(frame[:, 0])
    structures = (named("L1", centre - line), named(name, centre), named("L5", centre + line))
    return Labeling(volume.with_array(labels), structures, "determined", 0.9, (), 0.0, Statement.NORMAL)


def lengths(labeling: Labeling, name: str = "L3") -> dict[Length, float]:
    return measure(labeling).get(BY_NAME[name].id, {})


def expected(block: Block) -> dict[Length, float]:
    return {
        Length.ANTERIOR_HEIGHT: block.height(RIM_SHARE),
        Length.MIDDLE_HEIGHT: block.height(0.5),
        Length.POSTERIOR_HEIGHT: block.height(1 - RIM_SHARE),
        Length.DEPTH: block.depth,
    }


tilts = st.floats(8, 25).flatmap(lambda angle: st.sampled_from([angle, -angle]))
"""Not along the pixels: there nothing below their size can be seen."""

blocks = st.builds(
    lambda height, wedge, proportion: Block(height - wedge / 2, height + wedge / 2, height * proportion),
    height=st.floats(18, 28),
    wedge=st.floats(-5, 5),
    proportion=st.floats(1.0, 1.5),
)


@settings(max_examples=25, deadline=None)
@given(
    block=blocks,
    sagittal=tilts,
    coronal=st.floats(-20, 20),
    lean=st.floats(-10, 10),
    pixel=st.floats(0.5, 0.9),
    spacing=st.sampled_from([2.0, 3.3, 4.4]),
    oblique=st.floats(-10, 10),
)
@example(Block(26, 18, 30), 12.0, 10.0, 10.0, 0.7, 4.4, 8.0)
def test_bodies_are_measured_to_half_a_pixel(
    block: Block, sagittal: float, coronal: float, lean: float, pixel: float, spacing: float, oblique: float
) -> None:
    turn = Rotation.from_euler("y", oblique, degrees=True)
    found = lengths(labelled(block, grid(pixel, spacing, turn=turn), tilted(sagittal, coronal), lean=lean))
    assert found == pytest.approx(expected(block), abs=pixel / 2)


@settings(max_examples=15, deadline=None)
@given(
    front=st.floats(6, 12),
    back=st.floats(4, 8),
    depth=st.floats(16, 35),
    sagittal=tilts,
    coronal=st.floats(-20, 20),
    pixel=st.floats(0.5, 0.9),
    spacing=st.sampled_from([2.0, 4.4]),
)
def test_a_disc_has_the_mean_of_its_anterior_and_posterior_height(
    front: float, back: float, depth: float, sagittal: float, coronal: float, pixel: float, spacing: float
) -> None:
    labeling = labelled(Block(front, back, depth), grid(pixel, spacing), tilted(sagittal, coronal), "L3-L4")
    found = lengths(labeling, "L3-L4")
    assert found == pytest.approx({Length.DISC_HEIGHT: (front + back) / 2}, abs=pixel / 2)


@settings(max_examples=50, deadline=None)
@given(
    slices=st.integers(2, 9),
    block=blocks,
    width=st.sampled_from([24.0, 45.0]),
    sagittal=tilts,
    coronal=st.floats(-20, 20),
    lean=st.floats(-10, 10),
    spacing=st.sampled_from([2.0, 3.3, 4.4]),
)
@example(2, Block(25, 21, 33), 45.0, 10.0, 20.0, 0.0, 4.4)
@example(5, Block(29, 25, 30), 45.0, 20.0, -20.0, 0.0, 4.4)
def test_two_slices_are_enough(
    slices: int, block: Block, width: float, sagittal: float, coronal: float, lean: float, spacing: float
) -> None:
    wide = replace(block, width=width)
    found = lengths(labelled(wide, grid(0.8, spacing, slices), tilted(sagittal, coronal), lean=lean))
    assert found == pytest.approx(expected(wide), abs=0.4)


@settings(max_examples=15, deadline=None)
@given(block=blocks, sagittal=tilts, coronal=st.floats(-20, 20))
@example(Block(25, 21, 33), 10.0, 0.0)
def test_a_single_slice_does_not_show_a_tilt_to_the_side(block: Block, sagittal: float, coronal: float) -> None:
    frame = tilted(sagittal, coronal)
    found = lengths(labelled(block, grid(0.8, slices=1), frame))
    within_the_slice = np.hypot(frame[1, 0], frame[2, 0])
    assert found[Length.MIDDLE_HEIGHT] == pytest.approx(block.height(0.5) / within_the_slice, abs=0.4)


@pytest.mark.parametrize("degrees", [-25, -10, 10, 25])
def test_a_stack_may_be_turned_about_the_long_axis(degrees: float) -> None:
    block, turn = Block(24, 28, 34), Rotation.from_euler("z", degrees, degrees=True)
    found = lengths(labelled(block, grid(turn=turn), turn.as_matrix() @ tilted(12, 0)))
    assert found == pytest.approx(expected(block), abs=0.35)


def test_endplates_along_the_pixels_are_right_to_a_pixel() -> None:
    block = Block(25, 25, 33)
    found = lengths(labelled(block, grid(), tilted(0, 0)))
    assert found == pytest.approx(expected(block), abs=0.7)


@pytest.mark.parametrize("axes", ["LIP", "RSA", "IPL", "PRS"])
def test_the_order_of_the_axes_does_not_matter(axes: str) -> None:
    labeling = labelled(Block(25, 20, 33), grid(), tilted(8, 5))
    turned = labeling.labels.reorient(labeling.labels.reorientation(axes))
    assert lengths(replace(labeling, labels=turned)) == pytest.approx(lengths(labeling), abs=1e-6)


def test_a_whole_spine_is_measured_but_for_its_ends() -> None:
    phantom = phantoms.build(phantoms.structures("L1", "S1"), "lordosis", (3.3, 0.6, 0.6))
    labeling = _labeling(phantom)
    found = measure(labeling)
    assert set(found) == {structure.id for structure in labeling.structures} - {BY_NAME["S1"].id}
    for structure in labeling.structures[:-1]:
        height, _, depth = phantoms.size(structure.best_name)
        measured = found[structure.id]
        if structure.kind is Kind.IVD:
            assert measured[Length.DISC_HEIGHT] == pytest.approx(height, abs=0.6)
        else:
            assert measured[Length.MIDDLE_HEIGHT] == pytest.approx(height, abs=0.6)
            assert measured[Length.DEPTH] == pytest.approx(depth, abs=1.2)


def _labeling(phantom: phantoms.Phantom) -> Labeling:
    """The truth of a phantom as a labelling."""
    ids = np.array([0, *(BY_NAME[name].id for name in phantom.names)], np.uint8)
    centres = [phantom.semantic.to_patient(np.argwhere(phantom.mask(name)).mean(axis=0)) for name in phantom.names]
    structures = tuple(
        named(name, centre, k) for k, (name, centre) in enumerate(zip(phantom.names, centres, strict=True))
    )
    labels = phantom.semantic.with_array(ids[phantom.truth])
    return Labeling(labels, structures, "determined", 0.9, (), 0.0, Statement.NORMAL)


def _middle(labeling: Labeling, changed: NamedStructure) -> Labeling:
    first, _, last = labeling.structures
    return replace(labeling, structures=(first, changed, last))


def test_what_cannot_be_measured_is_left_out() -> None:
    labeling = labelled(Block(25, 20, 33), grid(), tilted(8, 5))
    (_, body, _) = labeling.structures
    cut = replace(body, instance=replace(body.instance, fully_visible=False))
    assert lengths(_middle(labeling, cut)) == {}
    for name in ("C2", "S1"):
        assert measure(_middle(labeling, replace(body, name=name, best_name=name))) == {}
        unsure = replace(body, name=None, runner_up=name)
        assert measure(_middle(labeling, unsure)) == {}
    assert lengths(_middle(labeling, replace(body, name=None, best_name="L3", runner_up="L2")))


def test_without_a_neighbour_there_is_no_direction() -> None:
    labeling = labelled(Block(25, 20, 33), grid(), tilted(8, 5))
    (_, body, _) = labeling.structures
    assert measure(replace(labeling, structures=(body,))) == {}
    assert measure(replace(labeling, structures=(body, body))) == {}


@pytest.mark.parametrize("beside", [(30, 0, 0), (0, 30, 0)])
def test_neighbours_beside_one_another_give_no_direction(beside: tuple[float, ...]) -> None:
    labeling = labelled(Block(25, 20, 33), grid(), tilted(8, 5))
    (_, body, _) = labeling.structures
    centre = np.array(body.instance.centroid)
    sides = [named(name, centre + np.multiply(sign, beside)) for sign, name in ((-1, "L1"), (1, "L5"))]
    assert lengths(replace(labeling, structures=(sides[0], body, sides[1]))) == {}


def test_a_structure_that_lies_across_the_column_is_not_measured() -> None:
    assert lengths(labelled(Block(6, 6, 30), grid(), tilted(0, 0), "L3-L4", lean=55), "L3-L4") == {}


@pytest.mark.parametrize("block", [Block(1.0, 1.0, 20), Block(3, 3, 3)])
def test_crumbs_are_not_measured(block: Block) -> None:
    assert lengths(labelled(block, grid(), tilted(10, 0))) == {}


def test_a_structure_without_voxels_is_not_measured() -> None:
    labeling = labelled(Block(25, 20, 33), grid(), tilted(8, 5))
    empty = labeling.labels.with_array(np.zeros_like(labeling.labels.array))
    assert measure(replace(labeling, labels=empty)) == {}
