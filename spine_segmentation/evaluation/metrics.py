"""Scores of one result against one truth mask.

All counts are of known voxels: not those that the truth calls unknown, nor those predicted beyond the labelled extent
(see ``unlabelled``). Vertebrae are scored only if the truth labels vertebrae, discs only if it labels discs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import BY_ID, Kind
from spine_segmentation.arrays import Mask
from spine_segmentation.evaluation.agreement import Agreement, MaskComparison
from spine_segmentation.evaluation.false_volume import false_volume
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.slice_bands import LATERAL_MM, MID_SAGITTAL_MM, distance_from_midline
from spine_segmentation.evaluation.truth import UNKNOWN, kind_ids, require_same_grid, scored_ids
from spine_segmentation.evaluation.unlabelled import SEMANTIC_VALUES, predicted_labels, unlabelled
from spine_segmentation.results import NamedStructure, SpineResult
from spine_segmentation.volume import Volume

Outcome = Literal["correct", "wrong", "undetermined", "missed"]


class StructureScore(Record):
    """How one labelled structure was found.

    The prediction that counts is the most frequent one inside the structure's mask, background apart.
    """

    name: str
    """Name in the truth."""
    kind: Kind
    """Vertebra or intervertebral disc."""
    dice: float
    """Dice of the predicted structure with this name; 0 where there is none, as where the level is undetermined."""
    outcome: Outcome
    """Whether the prediction's name is right, another one or undetermined, or nothing is predicted here."""
    predicted: str | None
    """What the prediction is called; None if nothing is predicted here."""
    best_name_correct: bool
    """Whether the prediction's most likely name is right, determined or not."""


class KindScore(Agreement):
    """How the vertebrae, or the discs, were found, names aside: all taken together, as they are delivered."""

    mid_sagittal: Agreement | None
    """The same near the column's midline; None if nothing is labelled there."""
    lateral: Agreement | None
    """The same far to the sides of it; None if nothing is labelled there."""
    labelled: int
    """Number of labelled structures."""
    found: int
    """Number of predicted structures, without those of which the truth says nothing."""


class ScanScore(Record):
    """Everything that was measured on one scan."""

    vertebrae: KindScore | None
    """None if the truth labels no vertebra."""
    discs: KindScore | None
    """None if the truth labels no disc."""
    counts_right: bool
    """As many vertebrae, and as many discs, are found as are labelled."""
    false_volume_mm3: float
    """Volume of predicted vertebrae and discs outside the column."""
    structures: tuple[StructureScore, ...]
    """Labelled structures, by ascending id."""
    false_structures: tuple[str, ...]
    """Predicted structures that are the most frequent prediction in no labelled structure."""
    complete: bool
    """Every labelled structure is named correctly: the scan counts in the subset accuracy."""
    complete_best_names: bool
    """The same by most likely names, determined or not."""
    complete_strict: bool
    """``complete``, and there is no false structure."""


def score_scan(result: SpineResult, truth: Volume) -> ScanScore:
    """Score one result.

    Args:
        result: The result.
        truth: Structure ids on the result's grid, from ``read_truth``.

    Returns:
        The scores.

    Raises:
        InconsistentGeometry: If result and truth lie on different grids.
    """
    require_same_grid(result.semantic, truth)
    comparison = _Comparison.of(_delivered(result), truth)
    structures = tuple(comparison.structure(identifier) for identifier in comparison.wanted)
    false_structures = comparison.false_structures()
    complete = all(structure.outcome == "correct" for structure in structures)
    kinds = {kind: comparison.kind(kind) for kind in comparison.unknown}
    return ScanScore(
        vertebrae=kinds.get(Kind.VERTEBRA),
        discs=kinds.get(Kind.IVD),
        counts_right=all(kind.found == kind.labelled for kind in kinds.values()),
        false_volume_mm3=comparison.false_volume(),
        structures=structures,
        false_structures=false_structures,
        complete=complete,
        complete_best_names=all(structure.best_name_correct for structure in structures),
        complete_strict=complete and not false_structures,
    )


@dataclass(frozen=True)
class _Comparison:
    """A result beside its truth.

    Attributes:
        result: The result.
        truth: Structure ids.
        wanted: Ids of the labelled structures.
        unknown: For each labelled kind, the voxels that are not scored.
        confusion: Shape (256, 256), number of known voxels per truth id (row) and predicted id (column).
        predicted: Predicted structures by id.
    """

    result: SpineResult
    truth: Volume
    wanted: list[int]
    unknown: dict[Kind, Mask]
    confusion: npt.NDArray[np.intp]
    predicted: dict[int, NamedStructure]

    @classmethod
    def of(cls, result: SpineResult, truth: Volume) -> Self:
        wanted = scored_ids(truth.array)
        kinds = [kind for kind in SEMANTIC_VALUES if any(BY_ID[identifier].kind is kind for identifier in wanted)]
        unknown = {kind: (truth.array == UNKNOWN) | unlabelled(result, truth, kind) for kind in kinds}
        rows = np.where(np.logical_or.reduce(list(unknown.values())), UNKNOWN, truth.array).astype(np.intp)
        pairs = np.bincount((rows * 256 + predicted_labels(result)).ravel(), minlength=256 * 256)
        confusion = pairs.reshape(256, 256)
        confusion[UNKNOWN] = 0
        structures = result.labeling.structures if result.labeling else ()
        return cls(result, truth, wanted, unknown, confusion, {s.id: s for s in structures})

    def structure(self, identifier: int) -> StructureScore:
        structure, found = BY_ID[identifier], self._found_in(identifier)
        total = self.confusion[identifier].sum() + self.confusion[:, identifier].sum()
        return StructureScore(
            name=structure.name,
            kind=structure.kind,
            dice=float(2 * self.confusion[identifier, identifier] / total),
            outcome=_outcome(structure.name, found),
            predicted=found.title if found else None,
            best_name_correct=found is not None and found.best_name == structure.name,
        )

    def kind(self, kind: Kind) -> KindScore:
        ids = [identifier for identifier in self.wanted if BY_ID[identifier].kind is kind]
        wanted, known = np.isin(self.truth.array, kind_ids(kind)), ~self.unknown[kind]
        masks = MaskComparison.of(self._predicted(kind), wanted, known, self.truth)
        overall, aside = masks.within(known), distance_from_midline(self.truth, ids)
        return KindScore(
            dice=overall.dice if overall else 0.0,
            surface=overall.surface if overall else None,
            mid_sagittal=masks.within(aside <= MID_SAGITTAL_MM),
            lateral=masks.within(aside > LATERAL_MM),
            labelled=len(ids),
            found=sum(structure.kind is kind for structure in self._known_structures()),
        )

    def false_volume(self) -> float:
        known = {kind: self._predicted(kind) & ~unknown for kind, unknown in self.unknown.items()}
        return false_volume(known, self.truth)

    def false_structures(self) -> tuple[str, ...]:
        owners = [self._found_in(identifier) for identifier in kind_ids(Kind.VERTEBRA) + kind_ids(Kind.IVD)]
        return tuple(structure.title for structure in self._known_structures() if structure not in owners)

    def _predicted(self, kind: Kind) -> Mask:
        return np.asarray(self.result.semantic.array == SEMANTIC_VALUES[kind])

    def _found_in(self, identifier: int) -> NamedStructure | None:
        """Find the most frequent prediction inside a structure's mask, background apart."""
        counts = self.confusion[identifier, 1:]
        return self.predicted[int(counts.argmax()) + 1] if counts.any() else None

    def _known_structures(self) -> list[NamedStructure]:
        """Predicted structures of labelled kinds of which at least half the voxels are known."""
        sizes = np.bincount(predicted_labels(self.result).ravel(), minlength=256)
        known = self.confusion.sum(axis=0)
        candidates = [structure for structure in self.predicted.values() if structure.kind in self.unknown]
        return [s for s in candidates if sizes[s.id] and 2 * known[s.id] >= sizes[s.id]]


def _outcome(name: str, found: NamedStructure | None) -> Outcome:
    if found is None:
        return "missed"
    if found.name is None:
        return "undetermined"
    return "correct" if found.name == name else "wrong"


def _delivered(result: SpineResult) -> SpineResult:
    """Leave out of the semantic map what became no structure: it is in no segmentation that a user sees."""
    if result.labeling is None:
        return result
    delivered = np.where(predicted_labels(result) > 0, result.semantic.array, 0)
    return replace(result, semantic=result.semantic.with_array(delivered))
