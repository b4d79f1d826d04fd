"""The operator of stage 3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.labeler import Labeler
from spine_segmentation.timing import timed


class LabelerOperator(Operator):
    """Names the separated structures.

    Named inputs:
        result: A ``SpineResult`` with the semantic map.
        instances: The separated structures, ``Instances``.

    Named output:
        result: The complete ``SpineResult``; without structures where there is no spine.

    Args:
        fragment: The application.
        conditions: When to run; by default, when all inputs are there.
        name: Unique in the application.
        device: A torch device.
        models: Folder that holds the bundles; None for the ones that come with the package.
    """

    def __init__(self, fragment: Fragment, *conditions: Condition, name: str, device: str, models: Path | None) -> None:
        self._device, self._models = device, models
        super().__init__(fragment, *conditions, name=name)

    def setup(self, spec: OperatorSpec) -> None:
        """Declare the ports.

        Args:
            spec: Is given the inputs ``result`` and ``instances`` and the output ``result``.
        """
        spec.input("result")
        spec.input("instances")
        spec.output("result")

    def start(self) -> None:
        """Load the network.

        Raises:
            ModelError: If the bundle's weights are absent or do not fit.
            DeviceUnavailable: If the device does not exist here.
        """
        self._labeler = Labeler(self._device, self._models)

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Name the structures and emit the complete result as ``result``.

        Args:
            op_input: Gives the ``SpineResult`` with the semantic map, and the ``Instances``.
            op_output: Takes the ``SpineResult`` with its labelling, models and timings.
            context: Not used.

        Raises:
            InvalidVolume: If there are more instances of one kind than ``labeler.MAX_PER_KIND``.
        """
        result, instances = op_input.receive("result"), op_input.receive("instances")
        timings = dict(result.timings)
        with timed("label", timings):
            labeling = self._labeler(result.image, instances)
        models = (*result.models, self._labeler.identity)
        op_output.emit(replace(result, labeling=labeling, models=models, timings=timings), "result")
