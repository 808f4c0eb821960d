"""What must hold of every circuit: the prover, two verifiers and two readings in Python agree."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.properties.choices import Finding
from tests.properties.draw_circuits import Drawn
from zkinfer import _core
from zkinfer.circuit.check import check, tensor_entries
from zkinfer.circuit.circuit import Defines
from zkinfer.circuit.expand import Row, SparseRows, addresses, expand
from zkinfer.circuit.layout import Segment, strides
from zkinfer.circuit.term import MODULUS
from zkinfer.reference.argument import Argument
from zkinfer.reference.circuit import Circuit as ReferenceCircuit
from zkinfer.reference.errors import FormatError, VerificationError
from zkinfer.reference.formats import Proof, VerifyingKey
from zkinfer.reference.matrix import check_steps
from zkinfer.reference.verify import verify

Rows = dict[str, bytes]

DIGEST = bytes(range(32))
LIES = 6
"""How many lies are tried until the checker refuses one."""

REFERENCE_POINTS = {"honest": 80, "lie": 30, "changed": 15}
"""The reference judges a body of n points with probability min(1, this / n), as it takes about a
millisecond a point and most of the time otherwise.
"""


def outcome(drawn: Drawn) -> str:
    """How a circuit ends: with a lie that all refuse, or with none found. Raises Finding."""
    challenges = drawn_challenges(drawn)
    failing = check(drawn.circuit, drawn.segments, challenges)
    if failing:
        raise Finding("honest", f"the checker refuses {failing}")
    if not rows_hold(drawn, challenges):
        raise Finding("honest", "an expanded row does not hold")
    rows, body = proved(drawn, _core.Prover)
    judge(drawn, rows, body, "honest", expected=True)
    changed = bytearray(body)
    changed[drawn.choices.integer(0, len(body) - 1)] ^= 1 << drawn.choices.integer(0, 7)
    judge(drawn, rows, bytes(changed), "changed", expected=False)
    for _ in range(LIES):
        lie = drawn.lie()
        failing = check(lie.circuit, lie.segments, challenges)
        bounds = any(path.endswith("/bounds") for path in failing)
        if not bounds and rows_hold(lie, challenges) == bool(failing):
            raise Finding("lie", f"the checker says {failing}, the expanded rows do not")
        if failing:
            reason = "outside of" if bounds else f"does not satisfy {failing[0]}"
            refused(lie, reason)
            judge(lie, *proved(lie, _core.Prover.unchecked), "lie", expected=False)
            return "a lie is refused"
    return "no lie is found"


# In Python.


def drawn_challenges(drawn: Drawn) -> list[list[int]]:
    """Coordinates of the challenge vectors."""
    source = random.Random(drawn.choices.integer(0, 2**64))  # noqa: S311
    return [[source.randrange(MODULUS) for _ in range(n)] for n in drawn.circuit.challenges]


def rows_hold(drawn: Drawn, challenges: Sequence[Sequence[int]]) -> bool:
    """Whether every expanded row holds over the field."""
    rows = expand(drawn.circuit, challenges)
    z = assignment(drawn, rows)
    return all(
        (dot(a, z) * dot(b, z) - dot(c, z)) % MODULUS == 0
        for a, b, c in zip(rows.a, rows.b, rows.c, strict=True)
    )


def dot(row: Row, z: list[int]) -> int:
    return sum(factor * z[address] for address, factor in row.items()) % MODULUS


def assignment(drawn: Drawn, rows: SparseRows) -> list[int]:
    """z, address by address. An entry of the sketch that a block defines is C / A there, or A B."""
    circuit = drawn.circuit
    starts, length = addresses(circuit)
    z = [0] * length
    entries = tensor_entries(circuit, drawn.segments)
    for tensor, start, values in zip(circuit.tensors, starts, entries, strict=True):
        rank = len(tensor.extents)
        places = (
            np.array(strides(tensor.extents), np.int64)
            @ np.indices(tensor.extents).reshape(rank, -1)
            if rank
            else np.zeros(1, np.int64)
        )
        for k, place in enumerate((start + places).tolist()):
            if values is not None:
                z[place] = values.flat[k] % MODULUS
    defines = [block.defines for block in circuit.blocks for _ in range(math.prod(block.extents))]
    for a, b, c, defined in zip(rows.a, rows.b, rows.c, defines, strict=True):
        if defined == Defines.QUOTIENT:
            (place,) = b
            z[place] = dot(c, z) * pow(dot(a, z), -1, MODULUS) % MODULUS
        elif defined == Defines.PRODUCT:
            (place,) = c
            z[place] = dot(a, z) * dot(b, z) % MODULUS
    return z


# Natively, and by the reference.


def proved(drawn: Drawn, make: Callable[..., _core.Prover]) -> tuple[Rows, bytes]:
    """The committed rows and the body of a proof. Raises Finding."""
    try:
        return prove(drawn, make)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of the native module is no Exception
        raise Finding("no proof", f"{type(error).__name__}: {error}") from error


def refused(lie: Drawn, reason: str) -> None:
    """Raises Finding unless the prover refuses for this reason."""
    try:
        prove(lie, _core.Prover)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of the native module is no Exception
        if isinstance(error, ValueError) and reason in str(error):
            return
        raise Finding("lie", f"the prover should say {reason}: {error!r}") from error
    raise Finding("lie", f"the prover proves what is false: {reason}")


def prove(drawn: Drawn, make: Callable[..., _core.Prover]) -> tuple[Rows, bytes]:
    """The committed rows and the body of a proof. Raises ValueError."""
    circuit = _core.Circuit(drawn.data)
    sent = {segment.value: arrays for segment, arrays in drawn.segments.items() if arrays}
    committed = {}
    for segment in (Segment.WEIGHTS, Segment.PROJECTIONS):
        arrays = sent.pop(segment.value, None)
        if arrays:
            committed[segment.value] = (
                arrays,
                *_core.commit(circuit, segment.value, arrays, drawn.hidden),
            )
    rows = {name: rows for name, (_, rows, _) in committed.items()}
    prover = make(circuit, committed, DIGEST)
    public = sent.pop(Segment.PUBLIC.value, [])
    return rows, prover.prove(drawn.context, public, sent, certificate=drawn.certificate)


def judge(drawn: Drawn, rows: Rows, body: bytes, name: str, *, expected: bool) -> None:
    """Raises Finding unless both verifiers come to the expected verdict."""

    def native() -> None:
        circuit = _core.Circuit(drawn.data)
        verifier = _core.Verifier(circuit, rows, DIGEST)
        public = drawn.segments[Segment.PUBLIC]
        verifier.verify(drawn.context, public, body, certificate=drawn.certificate)

    def reference() -> None:
        circuit = ReferenceCircuit(drawn.data)
        check_steps(circuit)
        points = [
            [encoded[at : at + 32] for at in range(0, len(encoded), 32)]
            for encoded in rows.values()
        ]
        if drawn.certificate or len(points) > 1:
            public = [array.reshape(-1).tolist() for array in drawn.segments[Segment.PUBLIC]]
            for tensor, values in zip(circuit.public[1:], public, strict=True):
                low, high = tensor.bounds
                if not all(low <= value <= high for value in values):
                    raise VerificationError("what is public is checked before the argument")
            argument = Argument(circuit, points, DIGEST, drawn.context, public)
            argument.kind = b"certificate" if drawn.certificate else b"proof"
            argument.run(body)
        else:
            key = VerifyingKey(no_graph(circuit), circuit, [*chain(*points)], DIGEST, b"")
            arrays = drawn.segments[Segment.PUBLIC]
            public = [(a.shape, tuple(a.reshape(-1).tolist())) for a in arrays]
            verify(key, Proof(DIGEST, drawn.context, public, body), drawn.context)

    verdicts = {"the native verifier": accepts(native, ValueError)}
    points = (sum(map(len, rows.values())) + len(body)) // 32
    if drawn.choices.integer(1, points) <= REFERENCE_POINTS[name]:
        verdicts["the reference"] = accepts(reference, (FormatError, VerificationError))
    for verifier, verdict in verdicts.items():
        if verdict != expected:
            raise Finding(name, f"{verifier} {'accepts' if verdict else 'refuses'}")


def no_graph(circuit: ReferenceCircuit) -> Any:
    """Stands for the graph of a key: it names the public tensors, and the argument reads none."""
    names = [f"public{i}" for i in range(len(circuit.public) - 1)]
    modes = {"input_mode": "hidden", "weights_mode": "hidden"}
    said = dict.fromkeys(("counts", "compares", "sums", "commits", "hides"), False)
    return SimpleNamespace(batch=1, public=names, outputs=[], modes=modes, classes={}, **said)


def accepts(function: Callable[[], None], refusals: type | tuple[type, ...]) -> bool:
    """Whether a verifier accepts. Raises Finding for what is no refusal."""
    try:
        function()
    except KeyboardInterrupt:
        raise
    except refusals:
        return False
    except BaseException as error:  # a panic of the native module is no Exception
        raise Finding("crash", f"{type(error).__name__}: {error}") from error
    return True
