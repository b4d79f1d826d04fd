"""The HTTP server for people and monitoring, on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from html import escape

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from spine_segmentation.pacs import config
from spine_segmentation.pacs.listening import cannot_listen
from spine_segmentation.pacs.snapshot import Run, Snapshot

_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
"""Requests under another name come from a page that has tricked a browser."""

_STOP_SECONDS = 5.0
_STYLE = "body{font:14px sans-serif;margin:2em}td,th{padding:.2em 1em;text-align:left}img{max-height:8em}"


class StatusPage:
    """Serves ``/``, ``/healthz``, ``/readyz`` and ``/metrics``.

    Args:
        settings: Where to listen.
        take_snapshot: Reads the ledger.
        find_trouble: Says why the service is not ready; empty if it is.
        collector: The metrics.
    """

    def __init__(
        self,
        settings: config.StatusPage,
        take_snapshot: Callable[[], Snapshot],
        find_trouble: Callable[[], str],
        collector: Collector,
    ) -> None:
        self._take_snapshot, self._find_trouble = take_snapshot, find_trouble
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        self._settings = settings
        self._server = uvicorn.Server(uvicorn.Config(self.application(), log_config=None, access_log=False))
        self._thread: threading.Thread | None = None

    def application(self) -> Starlette:
        """Build the web application.

        Returns:
            The application; it answers to loopback names only.
        """
        routes = [
            Route("/", self._page),
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            Route("/metrics", self._metrics),
            Route("/preview/{job_id:int}", self._preview),
        ]
        return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS)])

    def start(self) -> None:
        """Begin to serve.

        Raises:
            OutputError: If the address is taken.
        """
        sockets = [_listen(self._settings.host, self._settings.port)]
        self._thread = threading.Thread(target=self._server.run, args=(sockets,), name="status page", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _health(self, request: Request) -> Response:
        return PlainTextResponse("alive\n")

    def _readiness(self, request: Request) -> Response:
        trouble = self._find_trouble()
        return PlainTextResponse(f"{trouble or 'ready'}\n", status_code=503 if trouble else 200)

    def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def _page(self, request: Request) -> Response:
        return HTMLResponse(_render(self._take_snapshot(), self._find_trouble()))

    def _preview(self, request: Request) -> Response:
        wanted = request.path_params["job_id"]
        picture = next((run.preview for run in self._take_snapshot().runs if run.job_id == wanted), None)
        if picture is None:
            return PlainTextResponse("no preview\n", status_code=404)
        return FileResponse(picture, headers={"Cache-Control": "no-store"})


def _listen(host: str, port: int) -> socket.socket:
    """Take the address here: the web server would end its own thread, and nobody would notice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise cannot_listen(host, port, error) from error


def _render(snapshot: Snapshot, trouble: str) -> str:
    queue = [(state, str(number)) for state, number in sorted(snapshot.jobs.items())]
    sent = [(name, state, str(number)) for (name, state), number in sorted(snapshot.deliveries.items())]
    refused = [(reason, str(number)) for reason, number in sorted(snapshot.refusals.items())]
    return (
        f"<!doctype html><title>spine-segmentation</title><style>{_STYLE}</style>"
        f"<h1>spine-segmentation serve</h1><p>{escape(trouble or 'ready')}; {snapshot.receiving} series arriving;"
        f" {snapshot.finished_last_hour} jobs ended within the last hour;"
        f" the oldest has waited {snapshot.oldest_waiting_seconds:.0f} s. Research use only.</p>"
        f"<h2>Jobs</h2>{_table(('state', 'jobs'), queue)}"
        f"<h2>Deliveries</h2>{_table(('destination', 'state', 'objects'), sent)}"
        f"<h2>Refused as contradictions</h2>{_table(('reason', 'objects'), refused)}"
        f"<h2>Last runs</h2>{_runs(snapshot.runs)}"
    )


def _runs(runs: tuple[Run, ...]) -> str:
    head = ("job", "ended", "state", "images", "seconds", "reason", "")
    rows = "".join(f"<tr>{_cells(_run_cells(run))}<td>{_picture(run)}</td></tr>" for run in runs)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{rows}</table>"


def _run_cells(run: Run) -> tuple[str, ...]:
    ended = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.finished_at))
    seconds = "" if run.seconds is None else f"{run.seconds:.1f}"
    return (str(run.job_id), ended, run.state, str(run.images), seconds, run.reason)


def _picture(run: Run) -> str:
    return f'<img alt="" src="/preview/{run.job_id}">' if run.preview else ""


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{body}</table>"


def _cells(values: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in values)
