"""The operator of stage 2."""

from __future__ import annotations

from dataclasses import replace

from monai.deploy.core import ExecutionContext, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.instances import split_instances
from spine_segmentation.timing import timed


class InstanceSplitterOperator(Operator):
    """Separates the vertebrae and discs.

    Named input:
        result: A ``SpineResult`` with the semantic map.

    Named outputs:
        result: The same.
        instances: The separated structures, ``Instances``.
    """

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports.

        Args:
            spec: Is given the input ``result`` and the outputs ``result`` and ``instances``.
        """
        spec.input("result")
        spec.output("result")
        spec.output("instances")

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Separate the structures and emit them as ``instances``.

        Args:
            op_input: Gives the ``SpineResult`` with the semantic map, shape (slices, rows, columns), uint8.
            op_output: Takes the same result with the time that it took, and the ``Instances`` on the same grid.
            context: Not used.

        Raises:
            InvalidVolume: If the semantic map is not uint8 or has unknown values.
            UnsupportedOrientation: If the slices are thick and not sagittal.
        """
        result = op_input.receive("result")
        timings = dict(result.timings)
        with timed("split", timings):
            instances = split_instances(result.semantic, result.image)
        op_output.emit(replace(result, timings=timings), "result")
        op_output.emit(instances, "instances")
