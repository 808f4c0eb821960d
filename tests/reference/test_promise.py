"""Quantization: what is promised of data that it has not seen, what saturates, what is refused."""

import re
from typing import Any

import numpy as np
import pytest

from tests.reference.test_quantize import Net, compile_net, dense, normal, refused
from zkinfer.errors import UnsupportedModelError
from zkinfer.fixed import evaluate
from zkinfer.quantize.samples import split
from zkinfer.report import promise
from zkinfer.saturation import excesses


def test_samples_are_split_evenly() -> None:
    """A fifth is held out, of every class where classes take turns; none of a few samples."""
    assert split(9) == (list(range(9)), [])
    fitted, held_out = split(1000)
    assert sorted(fitted + held_out) == list(range(1000))
    assert len(held_out) == 200
    for period in range(2, 20):
        shares = np.bincount(np.array(held_out) % period) / (1000 / period)
        assert shares.min() > 0.1, period


def test_held_out_samples_have_no_part_in_the_choice() -> None:
    graph, samples = dense(), normal(50, 4)
    quantized = compile_net(graph, calibration={"x": samples})
    samples[split(50)[1]] *= 1.5
    other = compile_net(graph, calibration={"x": samples})
    assert other.graph.nodes == quantized.graph.nodes
    assert other.fidelity.fitted == quantized.fidelity.fitted
    assert other.fidelity.held_out != quantized.fidelity.held_out


def test_a_missed_promise_is_told() -> None:
    """Held-out samples unlike the others miss the target and saturate; a few are no evidence."""
    graph, samples = dense(), normal(50, 4)
    quiet = promise(compile_net(graph, calibration={"x": samples}).fidelity)
    assert len(quiet) == 2
    samples[split(50)[1]] *= 100
    told = promise(compile_net(graph, calibration={"x": samples}).fidelity)
    assert "miss the target" in told[2]
    assert re.search(r"values saturate on \d+ of the held-out samples", told[3])
    assert "too few" in promise(compile_net(graph, calibration={"x": samples[:9]}).fidelity)[1]


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 6.0), (-0.3, 0.7)])
def test_only_calibrated_ranges_saturate(ends: tuple[float, float]) -> None:
    """The ends of a Clip are the model's own, as ReLU's 0 is; twenty times the data is not."""
    net = Net(1, 4)
    net.constants["w"] = np.eye(4)
    clipped = net.graph(net.add("clip", net.add("matmul", "x", "w"), low=ends[0], high=ends[1]))
    plain = Net(1, 4)
    plain.constants["w"] = np.eye(4)
    through = plain.graph(plain.add("relu", plain.add("matmul", "x", "w")))
    for graph, scale, limits in ((clipped, 20.0, ()), (through, 1.0, (False, True))):
        quantized = compile_net(graph, calibration={"x": normal(50, 4) * scale})
        values = {"x": np.array([[-1, 1, -1, 1]]) * quantized.graph.tensors["x"].high}
        arrays = evaluate(quantized.graph, quantized.weights, values)
        found = list(excesses(quantized.graph, arrays))
        if limits:
            ((node, _),) = found
            assert (node.attrs["low_saturates"], node.attrs["high_saturates"]) == limits
        else:
            assert all((times == 1).all() for _, times in found)


WHOLE = np.random.default_rng(1).integers(-9, 10, (60, 4)).astype(float)


@pytest.mark.parametrize(
    ("op", "attrs"),
    [("clip", {"low": 0.3, "high": 2.7}), ("pad", {"pads": (0, 0, 0, 2), "value": 0.37})],
)
def test_whole_numbers_meet_fractions(op: str, attrs: dict[str, Any]) -> None:
    """They are refined, at no cost; the inputs need no fractions."""
    net = Net(1, 4)
    x = net.add(op, "x", **attrs)
    graph = net.graph(net.add("matmul", x, net.constant(6 if op == "pad" else 4, 3)))
    quantized = compile_net(graph, calibration={"x": WHOLE})
    assert quantized.graph.tensors["x"].scale == 0
    assert quantized.fidelity.fitted.error <= 1e-3


def test_fractions_beside_whole_numbers_stay_fractions() -> None:
    """What a Concat joins is brought to the finest scale, constants included."""
    net = Net(1, 4)
    net.constants.update(token=np.array([[0.123, -0.4]]))
    fraction = net.add("mul", "x", net.constant(4, scale=0.1))
    joined = net.add("concat", fraction, "x", "token", axis=1)
    graph = net.graph(net.add("matmul", joined, net.constant(10, 3)))
    quantized = compile_net(graph, calibration={"x": WHOLE})
    assert quantized.graph.tensors["x"].scale == 0
    assert quantized.graph.tensors[joined].scale > 8
    assert quantized.fidelity.fitted.error <= 1e-3


def test_numbers_of_any_size_are_refused_in_terms_of_the_data() -> None:
    net = Net(1, 4)
    graph = net.graph(net.add("matmul", "x", net.constant(4, 3)))
    tiny = {"x": normal(50, 4) * 1e-90}
    message = refused(graph, UnsupportedModelError, input_range=None, calibration=tiny)
    assert "numbers of x come in steps of" in message
    assert "closer to 1" in message


def test_a_target_out_of_reach_names_the_layer_and_its_data() -> None:
    """An age, an income and a population of one range: the first product is where it fails."""
    ends = np.array([90.0, 1e6, 1.0, 1e9])
    net = Net(1, 4)
    net.constants["w"] = normal(4, 3) / ends[:, None]
    graph = net.graph(net.add("relu", net.add("matmul", "x", "w")))
    samples = np.random.default_rng(1).uniform(0, ends, (60, 4))
    message = refused(graph, input_range=(0, 1e9), calibration={"x": samples})
    assert re.search(r"jumps at n_relu1 \(relu\), from \S+ to 0\.\d+ of the largest", message)
    assert re.search(r"reads values up to \S+e\+08, half of them below \d", message)
