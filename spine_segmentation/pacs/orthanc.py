"""The part of Orthanc's REST interface that is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from pydantic import TypeAdapter

from spine_segmentation.errors import OutputError
from spine_segmentation.pacs import config
from spine_segmentation.pacs.web_session import web_session

_TIMEOUT_SECONDS = (5.0, 120.0)


class OrthancClient:
    """Talks to one Orthanc.

    Args:
        settings: Where it is.

    Raises:
        UsageError: If the password file cannot be read.
    """

    def __init__(self, settings: config.Orthanc) -> None:
        self._root = str(settings.url).rstrip("/")
        self._session = web_session(settings.username, settings.password_file)

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Read a resource.

        Args:
            path: Below the root, with its query.

        Returns:
            The parsed JSON.

        Raises:
            OutputError: If Orthanc cannot be reached or refuses.
        """
        return self._call("GET", path)

    def post(self, path: str, body: Any) -> Any:  # noqa: ANN401
        """Post JSON.

        Args:
            path: Below the root.
            body: What is posted; anything that JSON can hold.

        Returns:
            The parsed JSON; None if the answer is empty.

        Raises:
            OutputError: If Orthanc cannot be reached or refuses.
        """
        return self._call("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete a resource; one that is not there is no error.

        Args:
            path: Below the root.

        Raises:
            OutputError: If Orthanc cannot be reached or refuses.
        """
        with answering():
            self._request("DELETE", path)

    def find_instances(self, sop_uid: str) -> Sequence[str]:
        """Look up the instances of a SOP Instance UID.

        Args:
            sop_uid: SOP Instance UID.

        Returns:
            Orthanc's identifiers; none if it has no such instance.

        Raises:
            OutputError: If Orthanc cannot be reached or refuses, or the answer has another shape.
        """
        with answering():
            answer = self.post("/tools/find", {"Level": "Instance", "Query": {"SOPInstanceUID": sop_uid}})
            return TypeAdapter(list[str]).validate_python(answer)

    def now(self) -> datetime:
        """Read Orthanc's own clock, by which it notes when a series has changed.

        Returns:
            The time, UTC.

        Raises:
            OutputError: If Orthanc cannot be reached or refuses, or the answer is no time.
        """
        with answering():
            return read_time(self._request("GET", "/tools/now").text.strip())

    def _call(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401
        with answering():
            response = self._request(method, path, body)
            return response.json() if response.content else None

    def _request(self, method: str, path: str, body: Any = None) -> requests.Response:  # noqa: ANN401
        response = self._session.request(method, self._root + path, json=body, timeout=_TIMEOUT_SECONDS)
        if not (method == "DELETE" and response.status_code == requests.codes.not_found):
            response.raise_for_status()
        return response


def read_time(text: str) -> datetime:
    """Read a time of Orthanc's.

    Args:
        text: UTC, as in ``"20240131T235959"``.

    Returns:
        The time, UTC.

    Raises:
        ValueError: If it is none.
    """
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


@contextmanager
def answering() -> Iterator[None]:
    """Read an answer of Orthanc's within the block.

    Yields:
        Nothing.

    Raises:
        OutputError: If Orthanc does not answer, or the answer has another shape.
    """
    try:
        yield
    except (requests.RequestException, LookupError, TypeError, ValueError) as error:
        raise OutputError(
            f"Orthanc does not answer as it should ({type(error).__name__})",
            expected="a running Orthanc with this REST interface",
            remedy="check its log and the 'orthanc' section of the configuration",
        ) from error
