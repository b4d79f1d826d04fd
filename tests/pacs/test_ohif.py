"""OHIF, a viewer that hospitals use, shows our segmentation on the images, out of a real Orthanc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.pacs import orthanc, viewer
from tests.pacs.lab import PATIENCE_SECONDS, ServiceProcess, wait_for
from tests.pacs.site import Site
from tests.pacs.test_end_to_end import PROGRAM
from tests.pacs.viewer import Viewer

REASON = orthanc.reason_to_skip() or viewer.reason_to_skip()
pytestmark = [pytest.mark.pacs, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON)]

PATIENCE_MS = PATIENCE_SECONDS * 1000
LEAST_COLOURED = 0.01
"""Part of the picture that is coloured if a segmentation is shown; images and viewer are grey, blue and white."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path, destinations=["orthanc"])
    running.service = ServiceProcess(running.config, program=PROGRAM).start()
    yield running
    running.close()


@pytest.fixture
def shown(site: Site) -> Iterator[Viewer]:
    running = Viewer(site.orthanc).start()
    yield running
    running.stop()


def test_the_segmentation_is_shown_on_the_images(site: Site, shown: Viewer, lumbar_study: Path, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    site.send(sorted(lumbar_study.glob("*.dcm")))
    wait_for(lambda: site.orthanc.series("SEG"), "no segmentation")
    (segmentation,) = [pydicom.dcmread(path) for path in (site.service.spool / "results").rglob("segmentation.dcm")]
    picture = Path(os.environ.get("OHIF_SCREENSHOT", tmp_path / "ohif.png"))
    address = f"{shown.root}/viewer?StudyInstanceUIDs={segmentation.StudyInstanceUID}"
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=viewer.BROWSER,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(f"{address}&initialSeriesInstanceUID={segmentation.SeriesInstanceUID}")
        page.get_by_text("Skip all").click(timeout=PATIENCE_MS)  # a tour of the viewer
        page.locator('[data-cy="panelSegmentation-btn"]').click()
        for segment in segmentation.SegmentSequence:
            page.get_by_text(segment.SegmentLabel, exact=True).first.wait_for(timeout=PATIENCE_MS)
        wait_for_colour(page, picture)
        browser.close()


def wait_for_colour(page: Any, picture: Path) -> None:
    """Photograph the page until the segmentation is shown."""

    def is_coloured() -> bool:
        page.screenshot(path=picture)
        pixels = np.asarray(Image.open(picture).convert("HSV"))[:, 300:1000]
        return bool(((pixels[..., 1] > 100) & (pixels[..., 2] > 100)).mean() > LEAST_COLOURED)

    wait_for(is_coloured, "no segmentation on the images")
