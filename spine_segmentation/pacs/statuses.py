"""The C-STORE statuses that the receiver answers with, and what each says."""

from __future__ import annotations

from enum import IntEnum


class StoreStatus(IntEnum):
    """Status of a C-STORE response (PS3.4 B.2.3)."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000
    CONFLICT = 0xC011
    UNEXPECTED = 0xC211


MEANINGS = {
    StoreStatus.SUCCESS: "the object and its entry in the ledger are on the disk",
    StoreStatus.OUT_OF_RESOURCES: "too little free space, or the disk or the ledger cannot be written: send it again",
    StoreStatus.MISMATCH: "the data set names another SOP class or instance than the command",
    StoreStatus.CANNOT_UNDERSTAND: "the data set cannot be read up to its Series Instance UID, inflates beyond the "
    "size limit, or has a UID that is none",
    StoreStatus.CONFLICT: "an object of this UID with other pixels, geometry or identity, or its series in another "
    "study, was accepted earlier; so was one with another header, where `corrected_headers` is `refuse`, or with other "
    "bytes, where its file is deleted or missing; what was accepted stays, and this one is logged",
    StoreStatus.UNEXPECTED: "a defect of the program; the kind of the error is logged, nothing is stored",
}
"""In words, for the conformance statement."""
