"""What the answer to a STOW-RS request with one object says about it (PS3.18 10.5.3)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from spine_segmentation.pacs.attempt import STORED, Attempt, Outcome, judge_status

_FAILED_SOP_SEQUENCE, _FAILURE_REASON = "00081198", "00081197"
_XML_ROOT = b"NativeDicomModel"
"""Root element of a report in XML (PS3.19 A.1), which some servers send although JSON is asked for."""
_PROCESSING_FAILURE = 0x0110
"""What a failure without a reason counts as."""

_ABOUT_THE_DESTINATION = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
}
"""Of the answers from 400 to 499, those that say nothing about the object: a rotated password, a moved service."""

_WITH_REPORT = {HTTPStatus.OK, HTTPStatus.ACCEPTED}


def judge_answer(status: int, body: bytes) -> Attempt:
    """Judge an answer.

    Args:
        status: HTTP status.
        body: The response payload: a Store Instances Response in DICOM JSON or XML, or nothing.

    Returns:
        ``STORED`` only where a report of 200 or 202 names no failure, or 200, which says that all was stored, has no
        payload at all. Of a report in XML no more is read than whether it names a failure. With another payload a
        server may be no STOW-RS server, whatever it says: a proxy that asks for a password, for example. 409 says that
        nothing was stored; the reason in its report is judged, because it may be that the object is there already.
    """
    if status in _WITH_REPORT:
        return _judge_report(status, body)
    if status == HTTPStatus.CONFLICT:
        reasons = _failure_reasons(body)
        return judge_status(reasons[0]) if reasons else Attempt(Outcome.REFUSED, f"HTTP {status}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Attempt(Outcome.UNREACHABLE, f"HTTP {status}, a redirect: configure the address that it leads to")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in _ABOUT_THE_DESTINATION:
        return Attempt(Outcome.REFUSED, f"HTTP {status}")
    return Attempt(Outcome.UNREACHABLE, f"HTTP {status}")


def _judge_report(status: int, body: bytes) -> Attempt:
    if not body.strip():
        return STORED if status == HTTPStatus.OK else Attempt(Outcome.REFUSED, f"HTTP {status} without a report")
    if _XML_ROOT in body:
        failed = _FAILED_SOP_SEQUENCE.encode() in body
        return Attempt(Outcome.REFUSED, f"HTTP {status} with a failure, reported in XML") if failed else STORED
    return _judge_json(status, body)


def _judge_json(status: int, body: bytes) -> Attempt:
    reasons = _failure_reasons(body)
    if reasons is None:
        return Attempt(Outcome.UNREACHABLE, f"HTTP {status} with a body that is no report")
    return judge_status(reasons[0]) if reasons else STORED


def _failure_reasons(body: bytes) -> list[int] | None:
    """Read why objects were not stored; None if the body is no report in JSON."""
    try:
        report = json.loads(body)
        failed = _values(report[0] if isinstance(report, list) else report, _FAILED_SOP_SEQUENCE)
        return [int(next(iter(_values(item, _FAILURE_REASON)), _PROCESSING_FAILURE)) for item in failed]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _values(item: Any, tag: str) -> list[Any]:  # noqa: ANN401
    return list(item.get(tag, {}).get("Value", []))
