"""The viewer OHIF in front of Orthanc, on one origin, so that the browser needs no password and no permission."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from tests.pacs.lab import ROOT, free_port, wait_for
from tests.pacs.orthanc import USER, Orthanc

DIST = Path(os.environ.get("OHIF_DIST", ROOT / "out" / "ohif" / "package" / "dist"))
"""The built viewer, as the npm package ``@ohif/app`` holds it; ``make ohif`` fetches it."""

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")

_CONFIGURATION = """
const root = window.location.origin + "/dicom-web";
window.config = {
  routerBasename: null, extensions: [], modes: [], customizationService: {}, showStudyList: true,
  maxNumberOfWebWorkers: 2, strictZSpacingForVolumeViewport: true, disableConfirmationPrompts: true,
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false, investigationalUseDialog: {option: "never"},
  defaultDataSourceName: "orthanc",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb", sourceName: "orthanc",
    configuration: {
      friendlyName: "Orthanc", name: "orthanc", wadoUriRoot: root, qidoRoot: root, wadoRoot: root,
      qidoSupportsIncludeField: false, imageRendering: "wadors", thumbnailRendering: "wadors",
      enableStudyLazyLoad: true, supportsFuzzyMatching: false, supportsWildcard: true,
      omitQuotationForMultipartRequest: true, bulkDataURI: {enabled: true, relativeResolution: "studies"},
    },
  }],
};
"""


def reason_to_skip() -> str:
    """Why the viewer cannot be shown here; empty if it can."""
    if not (DIST / "index.html").is_file():
        return f"no OHIF viewer in {DIST}: run make ohif"
    return "" if BROWSER else "no chromium is installed"


class Viewer:
    """OHIF for the studies of one Orthanc."""

    def __init__(self, orthanc: Orthanc) -> None:
        self._orthanc = orthanc
        port = free_port()
        self.root = f"http://127.0.0.1:{port}"
        routes = [
            Route("/app-config.js", self._configure),
            Route("/dicom-web/{path:path}", self._forward),
            Route("/{path:path}", self._serve),
        ]
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=port, log_config=None))
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def start(self) -> Viewer:
        self._thread.start()
        wait_for(lambda: self._server.started, "the viewer is not served")
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def _configure(self, request: Request) -> Response:
        return Response(_CONFIGURATION, media_type="text/javascript")

    def _forward(self, request: Request) -> Response:
        """Ask Orthanc; its answers name the viewer's address, which it is told."""
        headers = {name: request.headers[name] for name in ("accept", "host") if name in request.headers}
        url = f"{self._orthanc.root}{request.url.path}?{request.url.query}"
        answer = requests.get(url, auth=USER, headers=headers, timeout=60)
        return Response(answer.content, answer.status_code, {"Content-Type": answer.headers["Content-Type"]})

    def _serve(self, request: Request) -> Response:
        path = DIST / request.path_params["path"]
        return FileResponse(path if path.is_file() else DIST / "index.html")
