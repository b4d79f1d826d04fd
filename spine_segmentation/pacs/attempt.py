"""How an attempt to deliver one object ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of an object."""

    STORED = "stored"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    INTERRUPTED = "interrupted"
    """The destination was reached, and cut the connection or fell silent over this object."""


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
NO_FILE = Attempt(Outcome.REFUSED, "its file in the spool is missing or damaged")

_SUCCESS, _ALREADY_THERE = 0x0000, 0x0111
_WARNINGS = range(0xB000, 0xC000)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)


def judge_status(status: int) -> Attempt:
    """Judge what a destination says about an object.

    Args:
        status: Of a C-STORE response (PS3.4 B.2.3), or the Failure Reason of a STOW-RS response.

    Returns:
        What became of the object, with the status as the reason unless it is stored.
    """
    if status in {_SUCCESS, _ALREADY_THERE} or status in _WARNINGS:
        return STORED
    if status in _OUT_OF_RESOURCES:
        return Attempt(Outcome.UNREACHABLE, f"out of resources, status 0x{status:04X}")
    return Attempt(Outcome.REFUSED, f"status 0x{status:04X}")


@dataclass(frozen=True)
class Parcel:
    """An object on its way to a destination.

    Attributes:
        sop_uid: SOP Instance UID.
        sop_class: SOP Class UID.
        path: Where it lies, relative to the spool.
        refusals: How often the destination has refused it.
        sha256: Of its file when it was made; empty if an earlier version of the program made it.
    """

    sop_uid: str
    sop_class: str
    path: str
    refusals: int
    sha256: str = ""
