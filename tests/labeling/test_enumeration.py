"""Possible columns and their priors."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.labeling.enumeration import ENUMERATIONS, Enumeration, build_anatomy

PRIORS = {enumeration: enumeration.prior for enumeration in ENUMERATIONS}


def test_priors_are_probabilities() -> None:
    assert sum(PRIORS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_columns_alternate_and_every_name_is_in_the_table(enumeration: Enumeration) -> None:
    names = enumeration.structures
    assert names[0] == "C2"
    assert names[-1] == "S1"
    assert [BY_NAME[name].kind for name in names[:2]] == [Kind.VERTEBRA, Kind.IVD]
    assert len([name for name in names if "-" not in name]) == 6 + enumeration.thoracic + enumeration.lumbar + 1
    assert len(names) == len(set(names)) == 2 * (6 + enumeration.thoracic + enumeration.lumbar) + 1


def test_every_structure_but_the_sacrum_occurs_somewhere() -> None:
    seen = {name for enumeration in ENUMERATIONS for name in enumeration.structures}
    assert seen == {structure.name for structure in BY_NAME.values() if structure.kind is not Kind.SACRUM}


def test_a_walk_through_the_graph_has_the_probability_of_its_enumeration() -> None:
    anatomy = build_anatomy()
    for enumeration in ENUMERATIONS:
        path = [anatomy.names.index(name) for name in enumeration.structures]
        assert np.prod(anatomy.successors[path[:-1], path[1:]]) == pytest.approx(enumeration.prior)
