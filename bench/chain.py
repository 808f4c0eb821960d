"""Measures a chain of committed outputs against one proof of the whole network.

    python bench/chain.py [--layers 12] [--width 256] [--tokens 16] [--heads 4] [--repeat 5]

The network is GPT-2's with random weights, of so many blocks. As a chain each block is a model of
its own, whose output is committed to and the next one's data; weights, the input and all that is
handed on are hidden, and the last output is public, as it is in the proof of the whole. Figures are
medians of calls in a process that has the keys loaded; both ways start with the same input, and the
last outputs agree but for rounding.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx.utils import Extractor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import zkinfer  # noqa: E402
from bench.run import commit, kib, machine, ms, table  # noqa: E402
from models.transformers import gpt2  # noqa: E402

Floats = npt.NDArray[np.float32]

SAMPLES = 32


@dataclass(frozen=True)
class Link:
    """A block of the chain: its key, its proof, and what it commits to unless it is the last."""

    key: zkinfer.VerifyingKey
    proof: zkinfer.Proof
    data: zkinfer.DataCommitment | None

    def verify(self) -> zkinfer.Verified:
        """What the proof says, of the data that it has to be about."""
        return zkinfer.verify(self.key, self.proof, data=self.data)


def main() -> None:
    """Parses the command line, measures both ways and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("layers", 12), ("width", 256), ("tokens", 16), ("heads", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    shape = (arguments.tokens, arguments.width)
    samples = np.random.default_rng(1).standard_normal((SAMPLES, *shape), np.float32)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "whole.onnx"
        sizes = {"width": arguments.width, "heads": arguments.heads, "tokens": arguments.tokens}
        gpt2(path, blocks=arguments.layers, **sizes)
        model = onnx.load(path)
    compiled = zkinfer.compile(model, calibration=samples)
    start = time.perf_counter()
    proof = zkinfer.prove(compiled.proving_key, samples[:1], allow_saturation=True)
    proving = time.perf_counter() - start
    whole = [Link(compiled.verifying_key, proof, None)]
    chain, spent = [], 0.0
    for link, seconds in links(model, samples):
        chain.append(link)
        spent += seconds
    outputs = [way[-1].verify().outputs["output"] for way in (whole, chain)]
    error = float(np.abs(outputs[1] - outputs[0]).max() / np.abs(outputs[0]).max())
    alone, together = (verifying(way, arguments.repeat) for way in (whole, chain))
    rows = [
        ("one proof of the whole", ms(proving), ms(alone), kib(size(whole)), "1.00"),
        (
            f"{len(chain)} proofs",
            ms(spent),
            ms(together),
            kib(size(chain)),
            f"{together / alone:.2f}",
        ),
    ]
    print(f"{machine()}; commit {commit()}; {arguments.layers} blocks of {shape}\n")
    print(table(("way", "prove", "verify", "proofs and commitments", "verify, relative"), rows))
    print(f"\nThe last outputs differ by {error:.1e} of the largest.")


def links(model: onnx.ModelProto, samples: Floats) -> Iterator[tuple[Link, float]]:
    """Each block with its proof, and the seconds that proving took."""
    names = ["hidden_states", *(n.output[0] for n in model.graph.node if ends_block(n)), "output"]
    extractor = Extractor(onnx.shape_inference.infer_shapes(model))
    described: zkinfer.VerifyingKey | None = None
    opening: zkinfer.DataOpening | None = None
    for number, (source, target) in enumerate(pairwise(names)):
        block = extractor.extract_model([source], [target])
        last = number == len(names) - 2
        modes = {"input": "committed" if described else "hidden", "data": described}
        key = zkinfer.compile(
            block, calibration=samples, output="public" if last else "committed", **modes
        )
        x = None if described else samples[:1]
        about = {"data": opening, "record": 0} if described else {}
        data = opening.commitment if opening else None
        start = time.perf_counter()
        if last:
            proof = zkinfer.prove(key.proving_key, x, allow_saturation=True, **about)
        else:
            proof, opening = zkinfer.prove_committed(
                key.proving_key, x, allow_saturation=True, **about
            )
        seconds = time.perf_counter() - start
        yield Link(key.verifying_key, proof, data), seconds
        described = key.verifying_key
        samples = through(block, samples)


def ends_block(node: onnx.NodeProto) -> bool:
    """Whether a block ends with a node, and another one follows."""
    return node.name.endswith(".add_2") and node.output[0] != "output"


def through(block: onnx.ModelProto, samples: Floats) -> Floats:
    """What a block makes of the samples."""
    session = onnxruntime.InferenceSession(block.SerializeToString())
    return session.run(None, {block.graph.input[0].name: samples})[0]


def verifying(way: Sequence[Link], repeat: int) -> float:
    """Seconds in which all proofs are verified, by keys that are ready, on every core at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return median(lambda: list(pool.map(Link.verify, way)), repeat)


def median(call: Callable[[], object], repeat: int) -> float:
    """Seconds of a call."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def size(way: Sequence[Link]) -> int:
    """Bytes of all proofs, and of the commitments that go with them."""
    files = [link.proof.to_bytes() for link in way]
    files += [link.data.to_bytes() for link in way if link.data is not None]
    return sum(map(len, files))


if __name__ == "__main__":
    main()
