from __future__ import annotations

import numpy as np
from scipy import ndimage

from spine_segmentation.anatomy import BY_NAME, SACRUM_BELOW_S1, Kind
from spine_segmentation.evaluation.true_instances import true_instances
from spine_segmentation.evaluation.windows import crop_rows
from tests.evaluation.columns import column

COLUMN = column("T11", "S1")


def test_instances_are_those_of_the_truth_from_top_to_bottom() -> None:
    instances = true_instances(COLUMN)
    kinds = [Kind.VERTEBRA, Kind.IVD] * 7 + [Kind.VERTEBRA]
    assert [item.kind for item in instances.items] == kinds
    assert [item.label for item in instances.items] == list(range(1, 16))
    assert all(item.fully_visible for item in instances.items)
    heights = [item.centroid[2] for item in instances.items]
    positions = [item.position for item in instances.items]
    assert heights == sorted(heights, reverse=True) and positions == sorted(positions) and positions[0] == 0.0
    l3 = instances.labels.array == 9
    assert (l3 == (COLUMN.array == BY_NAME["L3"].id)).all()
    np.testing.assert_allclose(instances.items[8].centroid, COLUMN.to_patient(ndimage.center_of_mass(l3)))
    assert instances.items[8].volume == np.count_nonzero(l3) * COLUMN.voxel_volume


def test_cut_structures_are_not_fully_visible() -> None:
    place = ndimage.find_objects(COLUMN.array)[BY_NAME["L2"].id - 1][1]
    instances = true_instances(crop_rows(COLUMN, ((place.start + place.stop) // 2, COLUMN.shape[1])))
    assert [item.fully_visible for item in instances.items] == [False] + [True] * 8


def test_the_order_is_that_of_the_column_where_ids_are_not() -> None:
    array = COLUMN.array.copy()
    for old, new in (("T11-T12", "T12-T13"), ("T12", "T13"), ("T12-L1", "T13-L1")):
        array[COLUMN.array == BY_NAME[old].id] = BY_NAME[new].id
    instances = true_instances(COLUMN.with_array(array))
    assert (array[instances.labels.array == 3] == BY_NAME["T13"].id).all()


def test_neither_the_sacrum_below_s1_nor_crumbs_are_instances() -> None:
    array = np.where(COLUMN.array == BY_NAME["S1"].id, SACRUM_BELOW_S1, COLUMN.array)
    array[0, 0, :5] = BY_NAME["C2"].id
    assert len(true_instances(COLUMN.with_array(array)).items) == 14
    assert true_instances(COLUMN.with_array(np.zeros_like(array))).items == ()
