"""The operator that reads the input."""

from __future__ import annotations

from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.io.load import load_input


class DicomLoaderOperator(Operator):
    """Reads the best suited DICOM series of a folder, or the next one where that cannot be read.

    It has no input, so it needs a ``CountCondition`` of 1: without one it would be run for ever.

    Named output:
        loaded: The image and its source, a ``LoadedInput``.

    Args:
        fragment: The application.
        conditions: When to run; by default, when all inputs are there.
        name: Unique in the application.
        input_path: What ``load_input`` accepts.
    """

    def __init__(self, fragment: Fragment, *conditions: Condition, name: str, input_path: Path) -> None:
        self._input_path = input_path
        super().__init__(fragment, *conditions, name=name)

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports.

        Args:
            spec: Is given the output ``loaded``.
        """
        spec.output("loaded")

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Read the series and emit it as ``loaded``.

        Args:
            op_input: Not used: the operator has no input.
            op_output: Takes the ``LoadedInput``.
            context: Not used.

        Raises:
            UsageError: If there is nothing at the path.
            NoSuitableSeries: If there is no sagittal spine MR series.
            InputError: If the input cannot be read or its geometry is not whole.
        """
        op_output.emit(load_input(self._input_path), "loaded")
