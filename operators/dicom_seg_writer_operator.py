"""The operator that writes the DICOM Segmentation, and what refers to it."""

from __future__ import annotations

from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.io.dicom_seg import SegType
from spine_segmentation.io.dicom_sr import SrType
from spine_segmentation.io.outputs import write_outputs


class DicomSegWriterOperator(Operator):
    """Writes the named structures as DICOM objects; nothing if there are none.

    Named inputs:
        loaded: The ``LoadedInput`` that the result belongs to.
        result: A complete ``SpineResult``.

    Named output:
        written: Paths of the files written.

    Args:
        fragment: The application.
        conditions: When to run; by default, when all inputs are there.
        name: Unique in the application.
        output_folder: An existing folder.
        formats: Some of ``outputs.DICOM_FORMATS``.
        seg_type: Encoding of the segmentation.
        sr_type: Class of the structured report.
    """

    def __init__(
        self,
        fragment: Fragment,
        *conditions: Condition,
        name: str,
        output_folder: Path,
        formats: frozenset[str],
        seg_type: SegType,
        sr_type: SrType,
    ) -> None:
        self._output_folder, self._formats = output_folder, formats
        self._seg_type, self._sr_type = seg_type, sr_type
        super().__init__(fragment, *conditions, name=name)

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports.

        Args:
            spec: Is given the inputs ``loaded`` and ``result`` and the output ``written``.
        """
        spec.input("loaded")
        spec.input("result")
        spec.output("written")

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Write the objects and emit their paths as ``written``.

        Args:
            op_input: Gives the ``LoadedInput`` and the complete ``SpineResult``.
            op_output: Takes the list of paths.
            context: Not used.

        Raises:
            UsageError: If a format is unknown, or a report is asked for without the segmentation that it refers to.
            UnusableHeader: If the source's header does not allow a valid object.
            OutputError: If the file cannot be written.
        """
        series, result = op_input.receive("loaded").series, op_input.receive("result")
        written = write_outputs(
            result,
            self._output_folder,
            series=series,
            formats=self._formats,
            seg_type=self._seg_type,
            sr_type=self._sr_type,
        )
        op_output.emit(written, "written")
