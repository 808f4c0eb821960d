"""What peers prove: an MLP of an ONNX file in fixed point, and how peers are installed.

Numbers have FRACTION bits behind the point. Layer k multiplies by weight<k> and adds
bias<k> 2^FRACTION; all but the last then give max(y, 0) / 2^FRACTION, rounded down.
"""

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from run import timed

FRACTION = 12
MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617
PROGRAMS = Path(__file__).resolve().parent / "peers"

Integers = npt.NDArray[np.int64]


class Mlp:
    """The network with an input. widths: of its layers, the input's first."""

    def __init__(self, model: str, sample: str, widths: str) -> None:
        self.widths = tuple(map(int, widths.split("-")))
        graph = onnx.load(model).graph
        arrays = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        gemms = [node for node in graph.node if node.op_type == "Gemm"]
        self.layers = [tuple(fixed(arrays[name]) for name in node.input[1:]) for node in gemms]
        with np.load(sample) as file:
            (values,) = file.values()
        self.x = fixed(values.reshape(-1))
        shapes = [weight.shape for weight, _ in self.layers]
        if shapes != [(after, before) for before, after in pairwise(self.widths)]:
            raise SystemExit(f"the network is not one of {widths}, but of {shapes}")

    @property
    def inputs(self) -> dict[str, Any]:
        """All inputs of a peer's program, as decimal elements of the field."""
        arrays = {"x": self.x}
        for number, (weight, bias) in enumerate(self.layers, start=1):
            arrays |= {f"weight{number}": weight, f"bias{number}": bias}
        return {name: elements(array) for name, array in arrays.items()}

    @property
    def scores(self) -> list[str]:
        """What it computes."""
        x = self.x
        for number, (weight, bias) in enumerate(self.layers, start=1):
            y = weight @ x + (bias << FRACTION)
            x = y if number == len(self.layers) else np.maximum(y, 0) >> FRACTION
        return elements(x)

    def circom(self) -> str:
        """The main program, which includes mlp.circom."""
        inputs, steps, name = [], [], "x"
        for number, (before, after) in enumerate(pairwise(self.widths), start=1):
            inputs.append(f"signal input weight{number}[{after}][{before}], bias{number}[{after}];")
            call = f"({before}, {after})({name}, weight{number}, bias{number});"
            if number == len(self.layers):
                steps.append(f"scores <== Dense{call}")
            else:
                name = f"hidden{number}"
                steps.append(f"signal {name}[{after}] <== Hidden{call}")
        first, last = self.widths[0], self.widths[-1]
        body = [f"signal input x[{first}];", *inputs, f"signal output scores[{last}];", *steps]
        return "\n    ".join(
            ['pragma circom 2.1.0;\ninclude "mlp.circom";\n\ntemplate Network() {', *body]
        ) + ("\n}\n\ncomponent main = Network();\n")

    def zokrates(self) -> str:
        """The program, with all of mlp.zok."""
        inputs, steps, name = [], [], "x"
        for number, (before, after) in enumerate(pairwise(self.widths), start=1):
            inputs.append(f"private field[{after}][{before}] weight{number}")
            inputs.append(f"private field[{after}] bias{number}")
            call = f"dense({name}, weight{number}, bias{number})"
            name = f"layer{number}"
            call = call if number == len(self.layers) else f"rescaled_relu({call})"
            steps.append(f"    field[{after}] {name} = {call};")
        named = ", ".join([f"private field[{self.widths[0]}] x", *inputs])
        head = f"def main({named}) -> field[{self.widths[-1]}] {{"
        ends = [f"    return {name};", "}", ""]
        return "\n".join([(PROGRAMS / "mlp.zok").read_text(), head, *steps, *ends])


def fixed(values: npt.NDArray[Any]) -> Integers:
    """Numbers in fixed point."""
    return np.rint(values.astype(np.float64) * 2**FRACTION).astype(np.int64)


def elements(array: Integers) -> Any:
    """Integers as decimal elements of the field, in lists as deep as the array."""
    if array.ndim:
        return [elements(each) for each in array]
    return str(int(array) % MODULUS)


def install(tools: Path, *packages: str) -> Path:
    """The folder of npm's programs, with these packages. Exits where there is no Node.js."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise SystemExit("Node.js is not installed")
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]
    done = subprocess.run([*words, tools, *packages], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"npm does not install {' '.join(packages)}")
    return tools / "node_modules" / ".bin"


def compiled(mlp: Mlp, programs: Path, folder: Path) -> dict[str, Any]:
    """Compiles the circuit with circom into folder: network.r1cs and its program.

    programs: of npm. Returns seconds and the number of constraints.
    """
    shutil.copyfile(PROGRAMS / "mlp.circom", folder / "mlp.circom")
    (folder / "network.circom").write_text(mlp.circom())
    words = [programs / "circom2", "network.circom", "--r1cs", "--wasm", "--O2"]
    log = folder / "circom.log"
    seconds, _ = timed(["sh", "-c", f'cd "{folder}" && "$@" >{log}', "sh", *words])
    counts = re.findall(r"linear constraints: (\d+)", log.read_text())
    return {"compile": seconds, "constraints": sum(map(int, counts))}
