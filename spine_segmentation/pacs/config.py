"""The configuration of ``serve``: one YAML file, every key known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_sr import SrType

AeTitle = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[ -\[\]-~]{1,16}$")]
"""1 to 16 printable characters without a backslash (VR AE)."""

Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]

MIB = 1024 * 1024


def _beside_configuration(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path as relative to the configuration file."""
    folder = (info.context or {}).get("folder")
    return folder / path.expanduser() if folder else path.expanduser()


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Tls(_Section):
    """Mutual TLS, 1.2 or later: both sides show a certificate that the other's authority has signed."""

    certificate: Path
    """Our certificate, PEM."""
    key: Path
    """Its private key, PEM."""
    authority: Path
    """The certificates that the peer's must be signed by, PEM."""

    _resolve = field_validator("*")(_beside_configuration)


class Receiver(_Section):
    """The Storage SCP."""

    ae_title: AeTitle = "SPINESEG"
    """What callers must call us."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: Port = 11112
    """Port to listen at."""
    allowed_ae_titles: Annotated[tuple[AeTitle, ...], Field(min_length=1)]
    """Who may call; every other association is rejected."""
    tls: Tls | None = None
    """Refuse connections without a valid client certificate."""
    max_associations: PositiveInt = 100
    """Simultaneous associations; more are rejected, and senders try again."""
    max_pdu_bytes: Annotated[int, Field(ge=4096, le=16 * MIB)] = 128 * 1024
    """Longest PDU to ask for; a peer that sends one longer than this and 128 KiB is cut off."""
    max_object_bytes: PositiveInt = 512 * MIB
    """Largest object, inflated; a peer that sends a larger one is cut off."""
    min_free_bytes: PositiveInt = 2048 * MIB
    """Below this much free space everything is refused with 0xA700, so that what was accepted can be finished."""
    network_timeout_seconds: PositiveFloat = 60.0
    """An association without traffic for so long is closed, and one whose next PDU takes so long to arrive."""
    corrected_headers: Literal["replace", "keep", "refuse"] = "replace"
    """What to do with an image that arrives again with the same pixels and geometry, but another header: process the
    series again, acknowledge and keep the first, or refuse."""


class RemoteAe(_Section):
    """A DICOM node to call."""

    ae_title: AeTitle
    """Its title."""
    host: str
    """Its address."""
    port: Port
    """Its port."""
    tls: Tls | None = None
    """Call with TLS."""


class Completeness(RemoteAe):
    """A C-FIND SCP that knows how many images a series has."""

    give_up_seconds: PositiveFloat = 300.0
    """Process a series that stays incomplete, or cannot be asked for, after it has been quiet for so long."""


class Readiness(_Section):
    """When a series counts as complete."""

    quiet_seconds: PositiveFloat = 10.0
    """No image of it for so long, and no open association that has sent some."""
    group: Literal["series", "study"] = "series"
    """With ``study`` a series waits until all MR series of its study are quiet, and these are named together. Applies
    to series that arrive from then on."""
    completeness: Completeness | None = None
    """Also ask a PACS for the number of images."""


class Processing(_Section):
    """The worker process."""

    device: str = "cpu"
    """A torch device."""
    models: Path | None = None
    """Folder with the bundles; those of the package if absent."""
    max_attempts: PositiveInt = 3
    """So many crashes of the worker, or results that cannot be written for another reason than a full disk, make a job
    fail."""
    timeout_seconds: PositiveFloat = 900.0
    """A worker that takes longer for one series is killed, which counts as a crash."""

    _resolve = field_validator("models")(lambda path, info: path and _beside_configuration(path, info))


class Results(_Section):
    """Which objects a result has, beside the Segmentation."""

    report: SrType | None = "comprehensive3d"
    """Class of the Structured Report; ``comprehensive`` or ``enhanced`` for systems that refuse Comprehensive 3D SR;
    null for none."""
    capture: bool = False
    """Also a Secondary Capture of the overlay, for systems that show neither Segmentations nor reports."""


class DicomDestination(RemoteAe):
    """Results go there by C-STORE."""

    kind: Literal["c-store"]
    """That it takes C-STORE."""
    name: Name
    """Name in the queue and in metrics."""
    storage_commitment: bool = True
    """Ask for storage commitment, if the destination offers it, before a result counts as delivered."""


class WebDestination(_Section):
    """Results go there by STOW-RS."""

    kind: Literal["stow-rs"]
    """That it takes STOW-RS."""
    name: Name
    """Name in the queue and in metrics."""
    url: HttpUrl
    """Root of the DICOMweb service, e.g. ``https://pacs.example/dicom-web``."""
    username: str | None = None
    """For HTTP basic authentication."""
    password_file: Path | None = None
    """Holds the password in its first line."""
    authority: Path | None = None
    """Certificates that the server's must be signed by, PEM; those of public authorities (certifi) if absent."""

    _resolve = field_validator("password_file", "authority")(
        lambda path, info: path and _beside_configuration(path, info)
    )


Destination = Annotated[DicomDestination | WebDestination, Field(discriminator="kind")]


class Delivery(_Section):
    """How stubbornly results are delivered; an unreachable destination is tried for ever."""

    first_delay_seconds: PositiveFloat = 5.0
    """Wait after the first failure; it doubles with each further one."""
    longest_delay_seconds: PositiveFloat = 300.0
    """Longest wait."""
    max_refusals: PositiveInt = 8
    """An object that a reachable destination has refused so often becomes a dead letter."""
    commitment_waiver_seconds: PositiveFloat = 86400.0
    """Without a commitment report for so long a stored result counts as delivered."""


class Retention(_Section):
    """When finished work is deleted; never before every destination has the results."""

    keep_seconds: PositiveFloat = 7 * 86400.0
    """How long input and results are kept after the job has ended, the notes of refused objects, and what is owed to a
    destination that the configuration no longer names."""


class StatusPage(_Section):
    """The HTTP server for people and monitoring."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    """Loopback only; put a proxy with authentication in front to see it from elsewhere."""
    port: Port = 8086
    """Port to listen at."""
    previews: bool = False
    """Show pictures of the results: they are images of patients."""


class Orthanc(_Section):
    """The Orthanc in front, for what needs its REST interface."""

    url: HttpUrl
    """Its HTTP root."""
    username: str | None = None
    """For HTTP basic authentication."""
    password_file: Path | None = None
    """Holds the password in its first line."""
    modality: Name
    """Our name among its DicomModalities."""
    look_back_hours: PositiveFloat = 72.0
    """Only series that arrived there within this time are reconciled: history is never processed unasked."""
    sweep_seconds: PositiveFloat | None = 300.0
    """How often ``serve`` reconciles; null leaves it to the command ``reconcile``."""
    delete_superseded: bool = False
    """Delete a result there once a later version of it has been delivered."""

    _resolve = field_validator("password_file")(lambda path, info: path and _beside_configuration(path, info))


class ServeConfig(_Section):
    """The whole file."""

    spool: Path
    """Folder of the ledger, the received images and the results; on a local disk."""
    receiver: Receiver
    destinations: Annotated[tuple[Destination, ...], Field(min_length=1)]
    readiness: Readiness = Readiness()
    processing: Processing = Processing()
    results: Results = Results()
    delivery: Delivery = Delivery()
    retention: Retention = Retention()
    status_page: StatusPage | None = StatusPage()
    orthanc: Orthanc | None = None

    _resolve = field_validator("spool")(_beside_configuration)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) < len(names):
            raise ValueError(f"destinations share a name: {names}")
        return self


def load_config(path: Path) -> ServeConfig:
    """Read and check a configuration.

    Args:
        path: A YAML file. Relative paths in it are relative to its folder.

    Returns:
        The configuration, with absolute paths.

    Raises:
        UsageError: If it cannot be read, is no YAML mapping, has an unknown key or a value out of range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ServeConfig.model_validate(content, context={"folder": path.resolve().parent})
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unusable(path, "it is not YAML") from error
    except ValidationError as error:
        flaws = [f"{'.'.join(map(str, flaw['loc'])) or 'file'}: {flaw['msg']}" for flaw in error.errors()]
        raise _unusable(path, "; ".join(flaws)) from error


def read_password(path: Path | None) -> str:
    """Read the first line of a password file.

    Args:
        path: The file; None for an empty password.

    Returns:
        The line without its end; empty if there is no file.

    Raises:
        UsageError: If it cannot be read.
    """
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        raise _unusable(path, error.strerror or type(error).__name__) from error


def _unusable(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{path} cannot be used: {reason}",
        expected="a readable file as docs/pacs.md describes it",
        remedy="correct it; configs/serve.yaml is an example",
    )
