"""The operator that writes the DICOM Segmentation."""

from __future__ import annotations

from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.io.dicom_seg import SegType
from spine_segmentation.io.outputs import write_outputs


class DicomSegWriterOperator(Operator):
    """Writes the named structures as DICOM Segmentation; nothing if there are none.

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
        seg_type: Encoding of the segmentation.
    """

    def __init__(
        self, fragment: Fragment, *conditions: Condition, name: str, output_folder: Path, seg_type: SegType
    ) -> None:
        self._output_folder, self._seg_type = output_folder, seg_type
        super().__init__(fragment, *conditions, name=name)

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports."""
        spec.input("loaded")
        spec.input("result")
        spec.output("written")

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Write.

        Raises:
            OutputError: If the source's header does not allow a valid object, or the file cannot be written.
        """
        series, result = op_input.receive("loaded").series, op_input.receive("result")
        formats = frozenset({"seg"})
        written = write_outputs(result, self._output_folder, series=series, formats=formats, seg_type=self._seg_type)
        op_output.emit(written, "written")
