"""A column of boxes with known answers: bodies of 20 x 20 mm in 4 slices, discs of 4 mm between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from spine_segmentation.anatomy import BY_ID, BY_NAME, IVD, VERTEBRA, Kind
from spine_segmentation.labeling.variant import Statement
from spine_segmentation.results import Instance, Labeling, NamedStructure, SpineResult
from spine_segmentation.volume import Volume

Box = tuple[slice, slice, slice]

LEVELS = ("T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")


def empty() -> Volume:
    """A grid with 4 mm slices, rows to anterior and columns to superior."""
    return Volume.from_axes(np.zeros((8, 40, 200), np.uint8), "RAS", (4.0, 1.0, 1.0))


def boxes() -> dict[str, Box]:
    """Every body and disc, top to bottom."""
    column: dict[str, Box] = {}
    for k, name in enumerate(LEVELS):
        top = 198 - 24 * k
        column[name] = box(top - 20, top)
        if k + 1 < len(LEVELS):
            column[f"{name}-{LEVELS[k + 1]}"] = box(top - 24, top - 20)
    return column


def box(bottom: int, top: int, *, front: int = 10) -> Box:
    return slice(2, 6), slice(front, front + 20), slice(bottom, top)


def chosen(*names: str) -> dict[str, Box]:
    return {name: boxes()[name] for name in names}


def bodies(first: str, last: str) -> dict[str, Box]:
    return chosen(*LEVELS[LEVELS.index(first) : LEVELS.index(last) + 1])


def shifted(column: Mapping[str, Box], rows: int) -> dict[str, Box]:
    return {name: (s, slice(r.start + rows, r.stop + rows), c) for name, (s, r, c) in column.items()}


def truth_of(column: Mapping[str, Box]) -> Volume:
    """Structure ids."""
    truth = empty()
    for name, place in column.items():
        truth.array[place] = BY_NAME[name].id
    return truth


def result_of(column: Mapping[str, Box], undetermined: Collection[str] = ()) -> SpineResult:
    """A result that shows these structures, some with their level undetermined."""
    labels, structures = empty(), []
    for k, (name, place) in enumerate(column.items(), start=1):
        structures.append(_structure(name, k, determined=name not in undetermined))
        labels.array[place] = structures[-1].id
    return _result(labels, structures)


def perfect_result(truth: Volume) -> SpineResult:
    """A result that shows exactly what the truth does."""
    present = [int(value) for value in np.unique(truth.array) if value in BY_ID]
    return _result(truth, [_structure(BY_ID[value].name, k) for k, value in enumerate(present, start=1)])


def _structure(name: str, k: int, *, determined: bool = True) -> NamedStructure:
    kind = BY_NAME[name].kind
    number = BY_NAME[name].id if determined else k + (100 if kind is Kind.VERTEBRA else 200)
    instance = Instance(k, kind, float(k), (0.0, 0.0, 0.0), 1.0, fully_visible=True)
    return NamedStructure(number, name if determined else None, name, kind, 0.9, None, 0.0, instance)


def _result(labels: Volume, structures: list[NamedStructure]) -> SpineResult:
    values = np.zeros(256, np.uint8)
    for structure in structures:
        values[structure.id] = VERTEBRA if structure.kind is Kind.VERTEBRA else IVD
    labeling = Labeling(labels, tuple(structures), "determined", 0.9, (), 0.0, Statement.NORMAL)
    return SpineResult(labels, labels.with_array(values[labels.array]), labeling, (), {})
