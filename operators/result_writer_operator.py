"""The operator that writes everything but DICOM."""

from __future__ import annotations

from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.io.outputs import write_outputs
from spine_segmentation.pipeline import shows_spine
from spine_segmentation.results import SpineResult


class ResultWriterOperator(Operator):
    """Writes label maps, overlay picture and result document; where there is no spine, the document alone.

    Named inputs:
        loaded: The ``LoadedInput`` that the result belongs to.
        result: A complete ``SpineResult``.
        written: Paths of the files written before: the result document comes last.

    Attributes:
        result: The result; set when it has been written.

    Args:
        fragment: The application.
        conditions: When to run; by default, when all inputs are there.
        name: Unique in the application.
        output_folder: An existing folder.
        formats: Some of ``outputs.FORMATS`` without ``outputs.DICOM_FORMATS``.
    """

    def __init__(
        self, fragment: Fragment, *conditions: Condition, name: str, output_folder: Path, formats: frozenset[str]
    ) -> None:
        self._output_folder, self._formats = output_folder, formats
        super().__init__(fragment, *conditions, name=name)

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports.

        Args:
            spec: Is given the inputs ``loaded``, ``result`` and ``written``; there is no output.
        """
        for name in ("loaded", "result", "written"):
            spec.input(name)

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Write the files, and keep the result.

        Args:
            op_input: Gives the ``LoadedInput``, the complete ``SpineResult`` and the paths written before.
            op_output: Not used: the operator has no output.
            context: Not used.

        Raises:
            UsageError: If a format is unknown.
            OutputError: If a file cannot be written.
        """
        loaded, result, _ = (op_input.receive(name) for name in ("loaded", "result", "written"))
        formats = self._formats if shows_spine(result) else frozenset({"json"})
        write_outputs(result, self._output_folder, series=loaded.series, formats=formats, identity=loaded.identity)
        self.result: SpineResult = result
