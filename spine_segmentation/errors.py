"""The errors of this package, one class per cause.

    SpineError
    +-- UsageError                  the call itself is wrong
    |   +-- DeviceUnavailable
    +-- NoSuitableSeries            nothing here that can be processed
    |   +-- NoDicomFound
    +-- InputError                  this input cannot be read or must not be used
    |   +-- UnreadableFile
    |   |   +-- TruncatedFile
    |   |   +-- UndecodablePixels
    |   +-- UnusableHeader
    |   +-- MixedPatients
    |   +-- MixedStudies
    |   +-- InvalidVolume
    |   +-- InconsistentGeometry
    |       +-- MissingGeometry
    |       +-- MixedOrientation
    |       +-- MixedPixelSpacing
    |       +-- MissingSlice
    |       +-- DuplicatePosition
    |       +-- UnsupportedOrientation
    +-- NoSpineFound                the input is sound, but shows no spine
    +-- ModelError                  the networks cannot be loaded
    +-- OutputError                 a result cannot be written
    |   +-- DiskFull
    +-- Interrupted                 the run was stopped from outside

Every message says what was found, what was expected and what to do.
"""

from __future__ import annotations


class SpineError(Exception):
    """The root of all errors raised on purpose by this package.

    Args:
        found: What was found, a sentence without a full stop.
        expected: What was expected instead.
        remedy: What the user can do about it.
    """

    exit_code = 70

    def __init__(self, found: str, *, expected: str, remedy: str) -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{found}. Expected: {expected}. What to do: {remedy}.")


class UsageError(SpineError):
    """The arguments of a call contradict one another or are out of range."""

    exit_code = 2


class DeviceUnavailable(UsageError):
    """The requested compute device does not exist on this machine."""


class NoSuitableSeries(SpineError):
    """There are DICOM series, but none of them is a sagittal spine MR."""

    exit_code = 3


class NoDicomFound(NoSuitableSeries):
    """There is not one DICOM image under the given path."""


class InputError(SpineError):
    """The input cannot be read, or using it would mean guessing."""

    exit_code = 4


class UnreadableFile(InputError):
    """A file is missing, not of the expected format, or not readable."""


class TruncatedFile(UnreadableFile):
    """A file ends before its content does."""


class UndecodablePixels(UnreadableFile):
    """Pixel data cannot be decoded."""


class UnusableHeader(InputError):
    """The header of the source does not allow the DICOM object asked for."""


class MixedPatients(InputError):
    """The images of one series are of several patients."""


class MixedStudies(InputError):
    """Images under one Series Instance UID are of several studies."""


class InvalidVolume(InputError):
    """An array is not a usable three-dimensional image."""


class InconsistentGeometry(InputError):
    """The images of one series do not form a regular grid in patient space."""


class MissingGeometry(InconsistentGeometry):
    """Image position, image orientation or pixel spacing is absent."""


class MixedOrientation(InconsistentGeometry):
    """The images of one series have different orientations."""


class MixedPixelSpacing(InconsistentGeometry):
    """The images of one series have different pixel spacings or sizes."""


class MissingSlice(InconsistentGeometry):
    """There is a gap between the slices of a series."""


class DuplicatePosition(InconsistentGeometry):
    """Several images of one series lie at the same position."""


class UnsupportedOrientation(InconsistentGeometry):
    """The slices are thick and not sagittal."""


class NoSpineFound(SpineError):
    """The image was processed, and no vertebra and no disc was found in it."""

    exit_code = 5


class ModelError(SpineError):
    """Network weights are absent or do not fit the network."""

    exit_code = 70


class OutputError(SpineError):
    """A result cannot be written to the place asked for."""

    exit_code = 70


class DiskFull(OutputError):
    """There is no space for a result, or none that its owner may use; there may be some later."""


class Interrupted(SpineError):
    """The run was stopped from outside, by a signal or from the keyboard."""

    exit_code = 143
