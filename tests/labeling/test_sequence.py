"""The dynamic programme against brute force, and its answers where instances are missing or false."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from spine_segmentation.anatomy import BY_NAME, LEVELS, Kind
from spine_segmentation.errors import UsageError
from spine_segmentation.labeling.decoding import Decoding
from spine_segmentation.labeling.enumeration import ENUMERATIONS, Enumeration
from spine_segmentation.labeling.presence import MISSED_COUNTS, Presence, measure_presence
from spine_segmentation.labeling.sequence import FALSE_INSTANCE, decode
from spine_segmentation.labeling.transitions import MISSED_BODY, MISSED_DISC, MISSED_NEXT
from spine_segmentation.results import Instance
from tests.phantoms import kinds, structures

WHOLE = [*structures("T11", "S1")]
USUAL = max(ENUMERATIONS, key=lambda numbering: numbering.prior)

Names = tuple[str | None, ...]
Missed = tuple[int, ...]
Truth = dict[Names, float]


def level(name: str) -> int:
    return LEVELS.index(name.split("-", maxsplit=1)[0])


def ideal(names: list[str | None], strength: float = 8.0) -> np.ndarray:
    evidence = np.full((len(names), len(LEVELS)), -strength)
    for row, name in zip(evidence, names, strict=True):
        row[level(name) if name else slice(None)] = 0.0
    return evidence


def random_evidence(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 4.0, (count, len(LEVELS)))


def random_presence(seed: int, count: int) -> Presence:
    rng = np.random.default_rng((seed, 1))
    above, below = rng.normal(-2.0, 1.0, 2).tolist()
    return Presence(rng.normal(0.0, 4.0, count), rng.normal(0.0, 4.0, (count, MISSED_COUNTS)), above, below)


def alternating(first: Kind, count: int) -> list[Kind]:
    pair = (first, Kind.IVD if first is Kind.VERTEBRA else Kind.VERTEBRA)
    return [pair[k % 2] for k in range(count)]


def placements(named: list[Kind], start: int, stop: int) -> Iterator[tuple[int, ...]]:
    """All ascending places in a column, in which vertebrae and discs alternate from place 0, for these kinds."""
    if not named:
        yield ()
        return
    for place in range(start, stop):
        if (place % 2 == 0) == (named[0] is Kind.VERTEBRA):
            yield from ((place, *rest) for rest in placements(named[1:], place + 1, stop))


@cache
def prior_weights(pattern: tuple[Kind | None, ...]) -> dict[tuple[Names, Missed], float]:
    """Weight before the scan is seen of every sequence of names and missed vertebrae, None in the pattern being false.

    Written down from the definition: some enumeration, some start, misses in between. Missed vertebrae are counted
    above each instance, up to two.
    """
    weights: dict[tuple[Names, Missed], float] = {}
    named = [kind for kind in pattern if kind is not None]
    total = len({name for enumeration in ENUMERATIONS for name in enumeration.structures})
    for enumeration in ENUMERATIONS:
        column = enumeration.structures
        for places in placements(named, 0, len(column)):
            between = [column[above + 1 : below] for above, below in itertools.pairwise(places)]
            weight = enumeration.prior * (1 / total if places else 1.0)
            weight *= math.prod(map(miss, between))
            counts = iter([0, *(min(sum("-" not in name for name in names), MISSED_COUNTS - 1) for names in between)])
            rest = iter(places)
            missed = tuple(0 if kind is None else next(counts) for kind in pattern)
            key = tuple(None if kind is None else column[next(rest)] for kind in pattern), missed
            weights[key] = weights.get(key, 0.0) + weight
    return weights


def miss(names: list[str]) -> float:
    """Probability of missing all of these, which lie side by side."""
    if not names:
        return 1.0
    return (MISSED_DISC if "-" in names[0] else MISSED_BODY) * MISSED_NEXT ** (len(names) - 1)


def brute_force(given_kinds: list[Kind], evidence: np.ndarray, presence: Presence | None = None) -> Truth:
    """Posterior of every sequence of names."""
    presence = presence or Presence.unknown(len(given_kinds))
    false = np.log(FALSE_INSTANCE) + presence.false + logsumexp(evidence, axis=1) - np.log(len(LEVELS))
    logs: dict[Names, float] = {}
    for pattern in itertools.product(*((kind, None) for kind in given_kinds)):
        for (names, missed), weight in prior_weights(pattern).items():
            terms = [
                false[k] if name is None else evidence[k, level(name)] + presence.missed[k, count]
                for k, (name, count) in enumerate(zip(names, missed, strict=True))
            ]
            terms += unseen_ends(names, presence)
            logs[names] = np.logaddexp(logs.get(names, -np.inf), np.log(weight) + sum(terms))
    total = logsumexp(list(logs.values()))
    return {names: float(np.exp(value - total)) for names, value in logs.items()}


def unseen_ends(names: Names, presence: Presence) -> list[float]:
    """What it costs that the column goes on beyond the first instance and beyond the last name."""
    named = [name for name in names if name is not None]
    above = bool(names) and names[0] not in (None, "C2")
    below = bool(named) and named[-1] != "S1"
    return [presence.unseen_above * above, presence.unseen_below * below]


@pytest.mark.parametrize(
    ("given_kinds", "seeds"),
    [
        ([], 1),
        ([Kind.VERTEBRA], 3),
        ([Kind.IVD], 3),
        (alternating(Kind.VERTEBRA, 3), 4),
        (alternating(Kind.IVD, 3), 4),
        ([Kind.VERTEBRA, Kind.VERTEBRA, Kind.IVD], 3),
        (alternating(Kind.VERTEBRA, 4), 1),
        ([Kind.IVD, Kind.IVD, Kind.VERTEBRA, Kind.IVD], 1),
    ],
)
def test_agrees_with_brute_force(given_kinds: list[Kind], seeds: int) -> None:
    for seed in range(seeds):
        evidence, presence = random_evidence(seed, len(given_kinds)), random_presence(seed, len(given_kinds))
        truth = brute_force(given_kinds, evidence, presence)
        decoding = decode(given_kinds, evidence, presence=presence)
        expected = brute_force_candidates(truth, given_kinds)
        assert [candidate.names for candidate in decoding.candidates] == [names for names, _ in expected]
        probabilities = [candidate.probability for candidate in decoding.candidates]
        assert probabilities == pytest.approx([probability for _, probability in expected])
        for k, posterior in enumerate(decoding.posteriors):
            marginal = marginals(truth, k)
            best = posterior.best_name
            assert posterior.name in (None, best)
            assert posterior.probability == pytest.approx(marginal.pop(best))
            assert posterior.runner_up == max(marginal, key=lambda name: marginal[name])
            assert posterior.runner_up_probability == pytest.approx(max(marginal.values()))


def brute_force_candidates(truth: Truth, given_kinds: list[Kind]) -> list[tuple[Names, float]]:
    """Written down from the definition: of the best sequences those whose vertebrae contradict all better ones."""
    decisive = [kind is Kind.VERTEBRA or Kind.VERTEBRA not in given_kinds for kind in given_kinds]

    def contradict(one: Names, other: Names) -> bool:
        triples = zip(one, other, decisive, strict=True)
        return any(a != b for a, b, decides in triples if decides and a is not None and b is not None)

    chosen: list[Names] = []
    for names in sorted(truth, key=lambda names: -truth[names]):
        decides = any(name for name, counts in zip(names, decisive, strict=True) if counts)
        if decides and all(contradict(names, other) for other in chosen):
            chosen.append(names)
    agreeing = {names: {other for other in truth if not contradict(names, other)} for names in chosen[:3]}
    left, candidates = set(truth), []
    for names in sorted(agreeing, key=lambda names: -sum(truth[other] for other in agreeing[names])):
        candidates.append((names, sum(truth[other] for other in agreeing[names] & left)))
        left -= agreeing[names]
    return sorted(candidates, key=lambda item: -item[1])


def marginals(truth: Truth, k: int) -> dict[str, float]:
    """Probability of each name of instance k."""
    marginal: dict[str, float] = {}
    for names, probability in truth.items():
        if (name := names[k]) is not None:
            marginal[name] = marginal.get(name, 0.0) + probability
    return marginal


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.data())
def test_a_known_name_is_a_condition(seed: int, disc_first: bool, data: st.DataObject) -> None:
    given_kinds = alternating(Kind.IVD if disc_first else Kind.VERTEBRA, 3)
    evidence = random_evidence(seed, 3)
    truth = brute_force(given_kinds, evidence)
    k = data.draw(st.integers(0, 2))
    name = data.draw(st.sampled_from(sorted(marginals(truth, k))))
    share = sum(probability for names, probability in truth.items() if names[k] == name)
    given_name = {names: probability / share for names, probability in truth.items() if names[k] == name}
    decoding = decode(given_kinds, evidence, known={k: name})
    ((best, probability), *_) = brute_force_candidates(given_name, given_kinds)
    assert decoding.names == best
    assert decoding.probability == pytest.approx(probability)
    for other, posterior in enumerate(decoding.posteriors):
        assert posterior.probability == pytest.approx(marginals(given_name, other).get(posterior.best_name, 0.0))


def test_a_known_name_overrules_the_image() -> None:
    names, shifted = structures("L1", "L5"), structures("T12", "L4")
    assert decode(kinds(names), ideal([*shifted], 0.5)).names == shifted
    decoding = decode(kinds(names), ideal([*shifted], 0.5), known={len(names) - 1: "L5"})
    assert decoding.names == names
    assert decoding.probability > 0.9
    assert decoding.posteriors[-1].probability == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["L1", "L3", "L5"]))
def test_no_probability_exceeds_one(seed: int, name: str) -> None:
    """Not even by rounding, where a name is certain."""
    names = structures("L1", "L5")
    evidence = random_evidence(seed, len(names)) + ideal([*names], 30.0)
    decoding = decode(kinds(names), evidence, known={names.index(name): name})
    assert max(posterior.probability for posterior in decoding.posteriors) <= 1.0
    assert decoding.probability <= 1.0


@pytest.mark.parametrize("known", [{0: "L3", 2: "L2"}, {0: "T13", 1: "T11-L1"}, {0: "L4", 2: "L4"}, {0: "S1", 4: "L5"}])
def test_known_names_that_contradict_one_another_are_refused(known: dict[int, str]) -> None:
    names = structures("L1", "L3")
    with pytest.raises(UsageError, match="contradict one another"):
        decode(kinds(names), ideal([*names]), known=known)


def test_a_doubled_body_leaves_one_candidate() -> None:
    """Which of the two halves is the false one cannot be known, and does not matter."""
    names = ["L1", "L1-L2", "L2", "L2", "L2-L3", "L3", "L3-L4", "L4"]
    decoding = decode(kinds(names), ideal([*names], 30.0))
    assert decoding.probability > 0.99
    assert decoding.posteriors[2].probability == pytest.approx(0.5, abs=0.01)


def test_windows_that_are_as_likely_are_all_listed() -> None:
    names = structures("L2", "L4")
    evidence = ideal([*names], 30.0)
    evidence[:, 1:] = np.maximum(evidence[:, 1:], evidence[:, :-1])
    decoding = decode(kinds(names), evidence)
    first, second, third = decoding.candidates
    assert {first.vertebrae, second.vertebrae} == {("L2", "L3", "L4"), ("L3", "L4", "L5")}
    assert first.probability + second.probability > 0.99
    assert third.probability < 0.01


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ENUMERATIONS), st.data())
def test_evidence_for_the_truth_never_lowers_its_posterior(
    seed: int, numbering: Enumeration, data: st.DataObject
) -> None:
    names = stretch(numbering, data)
    evidence = random_evidence(seed, len(names)) / 2 + ideal([*names], 30.0)
    before = decode(kinds(names), evidence)
    k = data.draw(st.integers(0, len(names) - 1))
    evidence[k, level(names[k])] += data.draw(st.floats(0.0, 10.0))
    after = decode(kinds(names), evidence)
    assert posterior_of(names[k], after, k) >= posterior_of(names[k], before, k) - 1e-12
    if before.names == after.names == tuple(names):
        assert after.probability >= before.probability - 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(ENUMERATIONS), st.data())
def test_clear_evidence_is_followed_in_every_numbering(seed: int, numbering: Enumeration, data: st.DataObject) -> None:
    """But for a last disc that only what follows would tell from a usual one, e.g. L5-L6 from L5-S1."""
    names = stretch(numbering, data)
    assume(BY_NAME[names[-1]].kind is Kind.VERTEBRA or names[-1] in USUAL.structures)
    assert decode(kinds(names), random_evidence(seed, len(names)) / 2 + ideal([*names], 30.0)).names == tuple(names)


def stretch(numbering: Enumeration, data: st.DataObject) -> list[str]:
    """One to nine structures in a row."""
    start = data.draw(st.integers(0, len(numbering.structures) - 1))
    return [*numbering.structures[start : start + data.draw(st.integers(1, 9))]]


def posterior_of(name: str, decoding: Decoding, k: int) -> float:
    posterior = decoding.posteriors[k]
    listed = {posterior.best_name: posterior.probability, posterior.runner_up: posterior.runner_up_probability}
    return listed.get(name, 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.sampled_from([Kind.VERTEBRA, Kind.IVD]), max_size=12))
def test_names_are_always_anatomically_possible(seed: int, given_kinds: list[Kind]) -> None:
    decoding = decode(given_kinds, random_evidence(seed, len(given_kinds)))
    for candidate in decoding.candidates:
        names = candidate.names
        named = [name for name in names if name is not None]
        assert any(is_in_order(named, enumeration.structures) for enumeration in ENUMERATIONS)
        assert all(BY_NAME[name].kind is kind for name, kind in zip(names, given_kinds, strict=True) if name)
    assert all(candidate.probability <= decoding.probability for candidate in decoding.candidates)
    assert sum(decoding.enumerations.values()) == pytest.approx(1)


def is_in_order(names: list[str], column: list[str]) -> bool:
    places = [column.index(name) for name in names if name in column]
    return len(places) == len(names) and places == sorted(set(places))


@pytest.mark.parametrize("numbering", ENUMERATIONS)
@pytest.mark.parametrize("first", ["C2", "T8"])
def test_every_enumeration_is_found(numbering: Enumeration, first: str) -> None:
    names = structures(first, "S1", numbering.thoracic, numbering.lumbar)
    decoding = decode(kinds(names), ideal([*names]))
    assert decoding.names == names
    if first == "C2":
        assert decoding.enumerations[numbering] > 0.9


@pytest.mark.parametrize("gone", [["L2-L3"], ["L3"], ["L2-L3", "L3"], ["T11-T12", "L4-L5"], ["L5"], ["L5-S1"]])
def test_what_is_missed_does_not_shift_the_others(gone: list[str]) -> None:
    names = [name for name in WHOLE if name not in gone]
    decoding = decode(kinds(names), ideal([*names]))
    assert decoding.names == tuple(names)
    assert decoding.probability > 0.9


@pytest.mark.parametrize("place", range(len(WHOLE) + 1))
@pytest.mark.parametrize("kind", [Kind.VERTEBRA, Kind.IVD])
def test_false_island_gets_no_name_and_shifts_nothing(place: int, kind: Kind) -> None:
    names: list[str | None] = [*WHOLE[:place], None, *WHOLE[place:]]
    given_kinds = kinds(WHOLE)
    given_kinds.insert(place, kind)
    evidence = ideal(names)
    evidence[place] = ideal(["C4"], 16.0)[0]
    decoding = decode(given_kinds, evidence)
    assert decoding.names == tuple(names)
    island = decoding.posteriors[place]
    assert island.name is None
    assert island.probability < 0.5


@pytest.mark.parametrize("disc_between", [False, True])
def test_doubled_body_gives_its_name_once(disc_between: bool) -> None:
    place = WHOLE.index("L3")
    extra = ["L3", "L3-L4"] if disc_between else ["L3"]
    names = [*WHOLE[:place], *extra, *WHOLE[place:]]
    decoding = decode(kinds(names), ideal([*names]))
    named = [name for name in decoding.names if name is not None]
    assert named == WHOLE
    doubled = decoding.posteriors[place : place + 1 + len(extra)]
    assert {posterior.best_name for posterior in doubled} == {"L3", *extra}


def test_another_naming_is_found_however_many_bodies_are_split() -> None:
    """Each half of a split body may be the false one, so that many sequences say the same as the best one."""
    names = [name for name in structures("T10", "L4") for _ in range(1 + (name in ("T11", "T12", "L1", "L2")))]
    evidence = ideal([*names], 60.0)
    rows, levels = np.arange(len(names)), np.array([level(name) for name in names])
    evidence[rows, levels - 1] = -0.01
    decoding = decode(kinds(names), evidence)
    assert [candidate.probability > 0.1 for candidate in decoding.candidates] == [True, True, True]


def test_a_whole_body_in_its_place_is_not_called_false() -> None:
    """Six bodies between T12 and S1, of which the network takes two for L3: an L6, not a false body."""
    names = structures("T12", "S1", 12, 6)
    shown = ["T12", "L1", "L2", "L3", "L3", "L4", "L5", "S1"]
    evidence = np.repeat(ideal(shown, 4.0), 2, axis=0)[:-1]
    items = [
        Instance(k, kind, 18.0 * k, (0.0, 0.0, -18.0 * k), 3e4 if kind is Kind.VERTEBRA else 9e3, True)
        for k, kind in enumerate(kinds(names))
    ]
    assert None in decode(kinds(names), evidence).names
    assert decode(kinds(names), evidence, presence=measure_presence(items)).names == names


@pytest.mark.parametrize(("end", "shown", "expected"), [("below", "L5", "S1"), ("above", "C3", "C2")])
def test_where_a_vertebra_beyond_the_end_would_be_in_view_the_column_ends(end: str, shown: str, expected: str) -> None:
    """The network takes the last body for its neighbour as readily."""
    names = structures("L3", "S1", 12, 4) if end == "below" else structures("C2", "C5")
    place = len(names) - 1 if end == "below" else 0
    evidence = ideal([*names], 30.0)
    evidence[place, level(shown)] = 0.0
    unknown = Presence.unknown(len(names))
    before = decode(kinds(names), evidence, presence=unknown)
    after = decode(kinds(names), evidence, presence=replace(unknown, **{f"unseen_{end}": np.log(0.01)}))
    assert after.names[place] == expected
    assert posterior_of(expected, after, place) > posterior_of(expected, before, place)


def test_nothing_is_named_below_s1() -> None:
    names = ["L5", "L5-S1", "S1", "S1"]
    decoding = decode(kinds(names), ideal([*names]))
    assert decoding.names.count("S1") == 1
    assert decoding.names[:2] == ("L5", "L5-S1")


def test_strong_neighbours_overrule_a_wrong_vote() -> None:
    evidence = ideal([*WHOLE], 4.0)
    k = WHOLE.index("L2")
    evidence[k] = ideal(["L4"], 4.0)[0]
    assert decode(kinds(WHOLE), evidence).names == tuple(WHOLE)


def test_without_evidence_every_start_is_open() -> None:
    names = structures("L2", "L4")
    decoding = decode(kinds(names), np.zeros((len(names), len(LEVELS))))
    assert decoding.probability < 0.06
    assert decoding.candidates[1].probability == pytest.approx(decoding.probability, rel=0.1)


def test_enumeration_keeps_its_prior_where_nothing_is_seen_of_it() -> None:
    names = structures("C4", "C7")
    decoding = decode(kinds(names), ideal([*names], 50.0))
    for enumeration, probability in decoding.enumerations.items():
        assert probability == pytest.approx(enumeration.prior, rel=1e-3)


def test_the_disc_below_the_last_body_is_named_by_the_prior() -> None:
    names = structures("L3", "L5-S1")
    decoding = decode(kinds(names), ideal([*names], 30.0))
    assert decoding.names == names
    assert decoding.probability > 0.999, "the vertebrae are certain"
    assert decoding.posteriors[-1].runner_up == "L5-L6"
    assert decoding.posteriors[-1].probability == pytest.approx(0.91 / 0.96, abs=2e-3)


def test_discs_alone_are_told_apart() -> None:
    decoding = decode([Kind.IVD], ideal(["L5-S1"], 30.0))
    assert [candidate.names for candidate in decoding.candidates[:2]] == [("L5-S1",), ("L5-L6",)]
    assert decoding.probability == pytest.approx(0.91 / 0.96, abs=2e-3)


@pytest.mark.parametrize("evidence", [np.zeros((1, 3)), np.full((1, len(LEVELS)), np.nan), np.zeros((2, len(LEVELS)))])
def test_refuses_evidence_that_does_not_fit(evidence: np.ndarray) -> None:
    with pytest.raises(UsageError, match="log-likelihoods"):
        decode([Kind.VERTEBRA], evidence)


def test_refuses_a_sacrum() -> None:
    with pytest.raises(UsageError, match="sacrum"):
        decode([Kind.SACRUM], np.zeros((1, len(LEVELS))))
