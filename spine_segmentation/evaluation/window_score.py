"""Scores of the names in one window."""

from __future__ import annotations

from collections import Counter

from pydantic import computed_field

from spine_segmentation.anatomy import BY_NAME, LEVELS, Kind
from spine_segmentation.evaluation.naming import Naming
from spine_segmentation.evaluation.observation import ObservedStructure, ObservedWindow, WindowIdentity
from spine_segmentation.evaluation.record import Record
from spine_segmentation.labeling.variant import Statement


class StructureName(Record):
    """What one required structure is called."""

    name: str
    """Its true name."""
    predicted: str | None
    """Name of the instance that is most frequent inside it: the delivered one where the levels are determined, else the
    most likely one; None if there is no such instance, or no name is delivered."""
    confidence: float
    """Posterior probability of that name; 0 if there is none."""

    @property
    def correct(self) -> bool:
        """Whether the name is right."""
        return self.predicted == self.name


class WindowScore(Record):
    """How one window was named. Most likely names count where the levels are not determined."""

    window: WindowIdentity
    """Which one."""
    structures: tuple[StructureName, ...]
    """The vertebrae that are whole in view and the discs between them, top to bottom."""
    false_structures: int
    """Number of delivered structures that are the most frequent one in no required structure."""
    confidence: float
    """Posterior probability of the whole sequence of names."""
    least_vertebra: float
    """Least posterior probability among the vertebrae that seem whole; 0 if there is none."""
    determined: bool
    """Whether the levels count as determined."""
    variant: Statement
    """What is said of the number of vertebrae."""
    error: str | None
    """Why nothing was named; None if the run succeeded."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def correct(self) -> bool:
        """Every required structure has the right name: the window counts in the subset accuracy."""
        return all(structure.correct for structure in self.structures)

    @property
    def strict(self) -> bool:
        """``correct``, and there is no false structure."""
        return self.correct and not self.false_structures

    @computed_field  # type: ignore[prop-decorator]
    @property
    def offset(self) -> int | None:
        """By how many levels the vertebrae are named too low (too high if negative), by majority; None if none is."""
        steps = Counter(
            level_offset(structure.name, structure.predicted)
            for structure in self.structures
            if structure.predicted is not None and _are_vertebrae(structure.name, structure.predicted)
        )
        return max(steps, key=lambda step: (steps[step], -abs(step)), default=None)


def score_window(window: ObservedWindow, naming: Naming) -> WindowScore:
    """Score the names in one window.

    Args:
        window: The observation.
        naming: What its instances are called.

    Returns:
        The scores.
    """
    owners = {structure.instance for structure in window.structures}
    false_structures = sum(
        item.scored and name is not None and k not in owners
        for k, (item, name) in enumerate(zip(window.instances, naming.names, strict=True))
    )
    return WindowScore(
        window=window.window,
        structures=tuple(_structure(structure, naming) for structure in window.structures),
        false_structures=false_structures,
        confidence=naming.confidence,
        least_vertebra=_least_vertebra(window, naming),
        determined=naming.determined,
        variant=naming.variant,
        error=window.error,
    )


def level_offset(true: str, predicted: str) -> int:
    """Count the levels from one vertebra down to another; T13 and L6 count where they are one of the two.

    Args:
        true: Name of a vertebra.
        predicted: Name of a vertebra.

    Returns:
        Positive where the predicted one is lower.
    """
    column = [level for level in LEVELS if level not in ("T13", "L6") or level in (true, predicted)]
    return column.index(predicted) - column.index(true)


def _are_vertebrae(*names: str) -> bool:
    return all(BY_NAME[name].kind is Kind.VERTEBRA for name in names)


def _least_vertebra(window: ObservedWindow, naming: Naming) -> float:
    """Unlike the whole sequence, this is not held down by a disc whose lower vertebra is out of view."""
    named = zip(window.instances, naming.names, strict=True)
    whole = (name for item, name in named if item.kind is Kind.VERTEBRA and item.fully_visible)
    return min((name.confidence for name in whole if name is not None), default=0.0)


def _structure(structure: ObservedStructure, naming: Naming) -> StructureName:
    found = None if structure.instance is None else naming.names[structure.instance]
    if found is None or not found.named:
        return StructureName(name=structure.name, predicted=None, confidence=0.0)
    return StructureName(name=structure.name, predicted=found.name, confidence=found.confidence)
