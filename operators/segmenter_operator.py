"""The operator of stage 1."""

from __future__ import annotations

from pathlib import Path

from monai.deploy.core import Condition, ExecutionContext, Fragment, InputContext, Operator, OperatorSpec, OutputContext

from spine_segmentation.results import SpineResult
from spine_segmentation.segmenter import Segmenter
from spine_segmentation.timing import timed


class SegmenterOperator(Operator):
    """Finds the vertebrae and intervertebral discs.

    Named input:
        loaded: A ``LoadedInput``.

    Named output:
        result: A ``SpineResult`` with the semantic map and without labelling.

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
            spec: Is given the input ``loaded`` and the output ``result``.
        """
        spec.input("loaded")
        spec.output("result")

    def start(self) -> None:
        """Load the network.

        Raises:
            ModelError: If the bundle's weights are absent or do not fit.
            DeviceUnavailable: If the device does not exist here.
        """
        self._segmenter = Segmenter(self._device, self._models)

    def compute(self, op_input: InputContext, op_output: OutputContext, context: ExecutionContext) -> None:
        """Segment the image and emit the semantic map in a ``SpineResult``.

        Args:
            op_input: Gives the ``LoadedInput``, whose volume has the shape (slices, rows, columns).
            op_output: Takes the ``SpineResult``, whose map has the volume's shape, uint8.
            context: Not used.

        Raises:
            UnsupportedOrientation: If the slices are thick and not sagittal.
            InvalidVolume: If an intensity is not finite, or the image is constant.
        """
        volume = op_input.receive("loaded").volume
        timings: dict[str, float] = {}
        with timed("segment", timings):
            semantic = self._segmenter(volume)
        op_output.emit(SpineResult(volume, semantic, None, (self._segmenter.identity,), timings), "result")
