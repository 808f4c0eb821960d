"""A model that was read, with what turns it into integers.

It loads what compiling needs, and proving and verifying do not: onnx, onnxruntime, the quantizer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zkinfer.errors import UsageError
from zkinfer.inputs import by_name

if TYPE_CHECKING:
    from zkinfer.description import Description
    from zkinfer.quantize import Quantized
    from zkinfer.report import Report


class Source:
    """An ONNX model, and its float network `graph`."""

    def __init__(
        self, model: Any, shapes: Mapping[str, tuple[int, ...]] | None, example: object = None
    ) -> None:
        """example: inputs, with which a fitted model of another package is converted.

        Raises UsageError or UnsupportedModelError.
        """
        try:
            from zkinfer.float_oracle import FloatOracle
            from zkinfer.onnx_import import exported, load, read, upgraded
        except ModuleNotFoundError as error:
            raise UsageError(
                f"compiling needs {error.name}, which is not installed: "
                "pip install 'zkinfer[compile]'"
            ) from error
        self._proto = upgraded(read(exported(model, example) or model))
        self.graph = load(self._proto, shapes)
        self._oracle = FloatOracle

    def quantized(
        self,
        calibration: object,
        input_range: tuple[float, float] | None,
        max_error: float,
        modes: Mapping[str, str],
        data: "Description | None" = None,
    ) -> "Quantized":
        """The network in integers. data: the records that its input is committed to."""
        from zkinfer.quantize import quantize

        samples = None
        shapes = {name: self.graph.shape(name) for name in self.graph.inputs}
        if calibration is not None:
            samples = by_name(calibration, self.graph.inputs, "the calibration data")
        return quantize(
            self.graph,
            calibration=samples,
            input_range=input_range,
            max_error=max_error,
            oracle=self._oracle(self._proto),
            committed_data=None if data is None else data.by_input(shapes),
            **modes,
        )

    def guessed(
        self, max_error: float, modes: Mapping[str, str], data: "Description | None" = None
    ) -> "Quantized":
        """The network in integers, by random inputs."""
        from zkinfer.quantize.samples import guessed

        for samples in guessed(self.graph):
            try:
                return self.quantized(samples, None, max_error, modes, data)
            except UsageError as error:
                refused = error
        raise UsageError(
            f"the model does not take random inputs ({refused}); give sample inputs (--calibration)"
        )

    def report(self, quantized: "Quantized", listed: Mapping[str, int]) -> "Report":
        """The fidelity report, with a list of what things cost."""
        from zkinfer.report import make_report

        return make_report(quantized, listed)
