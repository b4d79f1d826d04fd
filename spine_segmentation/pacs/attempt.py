"""How an attempt to deliver one object ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an object."""

    STORED = "stored"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    Attributes:
        outcome: What became of it.
        reason: Why, without patient data; empty if it was stored.
    """

    outcome: Outcome
    reason: str = ""


STORED = Attempt(Outcome.STORED)


@dataclass(frozen=True)
class Parcel:
    """An object on its way to a destination.

    Attributes:
        sop_uid: SOP Instance UID.
        sop_class: SOP Class UID.
        path: Where it lies, relative to the spool.
        refusals: How often the destination has refused it.
    """

    sop_uid: str
    sop_class: str
    path: str
    refusals: int
