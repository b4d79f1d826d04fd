"""The three stages in a row, as a graph of operators."""

from __future__ import annotations

import sys
from pathlib import Path

from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application

from operators.dicom_loader_operator import DicomLoaderOperator
from operators.dicom_seg_writer_operator import DicomSegWriterOperator
from operators.instance_splitter_operator import InstanceSplitterOperator
from operators.labeler_operator import LabelerOperator
from operators.result_writer_operator import ResultWriterOperator
from operators.segmenter_operator import SegmenterOperator
from spine_segmentation.io.outputs import DICOM_FORMATS, check_formats
from spine_segmentation.results import SpineResult

CONFIGURATION = Path(__file__).with_name("app.yaml")


class SpineApplication(Application):
    """Reads one series, segments, separates, names and writes; an operator's error comes out of ``run``.

    Args:
        input_path: Folder with DICOM files.
        output_folder: An existing folder.
        models: Folder that holds the bundles; None for the ones that come with the package.
        configuration: A file like app.yaml; None for that.
        formats: What to write, members of ``outputs.FORMATS``; None for what the configuration says.

    Raises:
        UsageError: If a format is unknown or lacks another one that it needs.
    """

    def __init__(
        self,
        input_path: Path,
        output_folder: Path,
        models: Path | None = None,
        configuration: Path | None = None,
        formats: frozenset[str] | None = None,
    ) -> None:
        self._input_path, self._output_folder, self._models = input_path, output_folder, models
        super().__init__([sys.executable])
        self.config(str(configuration or CONFIGURATION))
        self._formats = formats or frozenset(self.kwargs("outputs")["formats"])
        check_formats(self._formats)

    @property
    def result(self) -> SpineResult:
        """What was found and written; there only after a run."""
        return self._result_writer.result

    def compose(self) -> None:
        """Connect the operators."""
        networks = {**self.kwargs("networks"), "models": self._models}
        output, options = self._output_folder, self.kwargs("outputs")
        loader = DicomLoaderOperator(self, CountCondition(self, 1), name="loader", input_path=self._input_path)
        segmenter = SegmenterOperator(self, name="segmenter", **networks)
        splitter = InstanceSplitterOperator(self, name="splitter")
        labeler = LabelerOperator(self, name="labeler", **networks)
        seg_writer = DicomSegWriterOperator(
            self,
            name="seg_writer",
            output_folder=output,
            formats=self._formats & DICOM_FORMATS,
            seg_type=options["seg_type"],
            sr_type=options["sr_type"],
        )
        self._result_writer = ResultWriterOperator(
            self, name="result_writer", output_folder=output, formats=self._formats - DICOM_FORMATS
        )
        self.add_flow(loader, segmenter, {("loaded", "loaded")})
        self.add_flow(segmenter, splitter, {("result", "result")})
        self.add_flow(splitter, labeler, {("result", "result"), ("instances", "instances")})
        for writer in (seg_writer, self._result_writer):
            self.add_flow(loader, writer, {("loaded", "loaded")})
            self.add_flow(labeler, writer, {("result", "result")})
        self.add_flow(seg_writer, self._result_writer, {("written", "written")})
